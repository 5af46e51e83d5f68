import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { sendFirst, toBodies } from '../kit/origin/spoil.ts'
import { startSite, type Site } from '../kit/worker/site.ts'
import { httpSource, type Source } from '../kit/servers/sources.ts'

const BODY = Buffer.alloc(100, 'x')

let site: Site
let source: Source

beforeEach(async () => {
  source = await httpSource({ timeout_ms: 1000, idle_timeout_ms: 1000 })
  site = await startSite({ storages: [{ type: 'r2', binding: 'MEDIA' }, source.table] })
})
afterEach(async () => {
  await site?.close()
  await source?.close()
})

it('does not block a name when a small body stalls and its client leaves', async () => {
  await source.add('a.txt', BODY)
  await source.set(
    'a.txt',
    toBodies((exchange) =>
      sendFirst(
        exchange,
        () => 10,
        () => {},
      ),
    ),
  )
  const left = new AbortController()
  const first = site.fetch('/a.txt', { signal: left.signal }).catch(() => {})
  while (source.requests('a.txt').length === 0) await sleep(20)
  await sleep(200)
  left.abort()
  await first
  await source.set('a.txt', null)
  const before = source.requests('a.txt').length
  const response = await site.fetch('/a.txt', { signal: AbortSignal.timeout(20_000) })
  expect(await response.text()).toBe(BODY.toString())
  expect(source.requests('a.txt').length).toBeGreaterThan(before)
  expect((await site.stored('a.txt')).equals(BODY)).toBe(true)
})
