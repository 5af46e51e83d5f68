import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { openSourceChanges } from '../../src/sources/source-changes.ts'

const open = openSourceChanges(env.SOURCE_CHANGES)
if (!open) throw new Error('SOURCE_CHANGES is not bound')
const changes = open()

it('keeps nothing of sources that sent no event', async () => {
  expect(await changes.statuses()).toEqual({})
})

it('keeps for each source how many events came, when the last was, and what became of them', async () => {
  const began = Date.now()
  await changes.addReceived('old', { accepted: 2, ignored: 1, lastEvent: 5000 })
  await changes.addReceived('old', { accepted: 1, ignored: 0, lastEvent: 4000 })
  await changes.addReceived('old', { accepted: 0, ignored: 3, lastEvent: null })
  await changes.addReceived('older', { accepted: 1, ignored: 0, lastEvent: 1 })
  await changes.addHandled('old', [{ outcome: 'copied' }, { outcome: 'conflicts' }, { outcome: 'copied' }])
  const { old, older } = await changes.statuses()
  expect(old).toMatchObject({
    lastEvent: 5000,
    lag: null,
    counts: { accepted: 3, ignored: 4, copied: 2, conflicts: 1, tombstoned: 0, unchanged: 0, failed: 0 },
  })
  expect(old?.lastReceived).toBeGreaterThanOrEqual(began)
  expect(old?.lastHandled).toBeGreaterThanOrEqual(began)
  expect(older).toMatchObject({ lastEvent: 1, lastHandled: null, counts: { accepted: 1, copied: 0 } })
})

it('knows since when accepted events wait, until the next is handled', async () => {
  const since = async () => (await changes.statuses())['waits']?.waitingSince
  await changes.addReceived('waits', { accepted: 0, ignored: 1, lastEvent: null })
  expect(await since()).toBeNull()
  await changes.addReceived('waits', { accepted: 1, ignored: 0, lastEvent: 1 })
  const first = await since()
  expect(first).toEqual(expect.any(Number))
  await changes.addReceived('waits', { accepted: 1, ignored: 0, lastEvent: 2 })
  expect(await since()).toBe(first)
  await changes.addHandled('waits', [{ outcome: 'copied' }])
  expect(await since()).toBeNull()
})

it('tells the lag: the last, the longest ever, and quantiles of the latest 256', async () => {
  const ago = (seconds: number) => ({ outcome: 'copied' as const, at: Date.now() - seconds * 1000 })
  await changes.addHandled('old', [ago(5000)])
  await changes.addHandled(
    'old',
    Array.from({ length: 256 }, (_, index) => ago(256 - index)),
  )
  await changes.addHandled('old', [
    { outcome: 'failed', at: 0 },
    { outcome: 'copied', at: Date.now() + 60_000 },
  ])
  const { lag } = (await changes.statuses())['old'] ?? {}
  expect(Object.entries(lag ?? {}).map(([key, ms]) => [key, Math.floor(ms / 1000)])).toEqual([
    ['last', 0],
    ['max', 5000],
    ['p50', 127],
    ['p95', 243],
  ])
})
