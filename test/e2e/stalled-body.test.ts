import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Fault, sendFirst, toBodies } from '../kit/origin/spoil.ts'
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

describe('from an origin that ignores Range, which reaches a part later than the idle timeout', () => {
  const body = Buffer.from(Array.from({ length: 300 * 1024 }, (_, index) => index % 251))
  const headers = { 'Content-Length': body.length, ETag: '"v1"' }

  it.each([
    ['a small part', 290 * 1024],
    ['a large part', 150 * 1024],
  ])('%s is waited for', async (_part, from) => {
    expect(await ask(from, drip)).toEqual([`bytes=${from}-`])
  })

  it('the rest of an interrupted part is waited for', async () => {
    const [from, until] = [20 * 1024, 200 * 1024]
    const interrupted = (response: ServerResponse): void => {
      response.writeHead(200, headers)
      response.write(body.subarray(0, until), () => setTimeout(() => response.destroy(), 100))
    }
    expect(await ask(from, interrupted)).toEqual([`bytes=${from}-`, `bytes=${until}-${body.length - 1}`])
  })

  /** Reads from there to the end. Resolves to the ranges that the origin was asked for; it answers the first one as given. */
  async function ask(from: number, first: (response: ServerResponse) => unknown): Promise<string[]> {
    const ranges: string[] = []
    const answer: Fault = ({ request, response }) => {
      // The background copy has none.
      const { range } = request.headers
      if (range !== undefined) ranges.push(range)
      void (ranges.length === 1 ? first : drip)(response)
    }
    await source.add('a.bin', body)
    await source.set('a.bin', toBodies(answer))
    const part = await site.fetch('/a.bin', { headers: { Range: `bytes=${from}-` } })
    expect(part.status).toBe(206)
    expect(Buffer.from(await part.arrayBuffer()).equals(body.subarray(from))).toBe(true)
    return ranges
  }

  /** Sends the whole body in about three seconds. */
  async function drip(response: ServerResponse): Promise<void> {
    response.writeHead(200, headers)
    for (let start = 0; start < body.length; start += 10 * 1024) {
      response.write(body.subarray(start, start + 10 * 1024))
      await sleep(100)
    }
    response.end()
  }
})
