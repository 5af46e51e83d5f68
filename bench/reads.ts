import {
  type Bench,
  cpuRatio,
  expectAnswer,
  type Measurement,
  speedRatio,
  takeTurns,
  type Target,
} from './bench.ts'
import type { Figure } from './figure.ts'
import { eventually } from '../test/kit/eventually.ts'

const KIB = 1024
const SMALL = 4 * KIB
const LARGE = 100 * KIB

/** Objects in the primary: the path of nearly every request. */
export const primaryHits: Measurement = async (bench) => {
  const figures: Figure[] = []
  for (const [size, bytes] of Object.entries({ '4 KiB': SMALL, '100 KiB': LARGE })) {
    const path = `/hit/${bytes}.jpg`
    await bench.contest.store(path.slice(1), bytes)
    const targets = at(bench, path, ['own', 'bare', 'render2', 'same-answer'])
    for (const target of targets) await expectAnswer(target, { status: 200, bytes })
    const [own = [], bare = [], render2 = [], smallest = []] = await takeTurns(bench, targets)
    figures.push(
      speedRatio(`primary hit, ${size} ÷ bare Worker`, own, bare, { atLeast: 0.95, accepted: 0.9 }),
      speedRatio(`primary hit, ${size} ÷ render2`, own, render2, { atLeast: 1, accepted: 0.9 }),
      ...cpuRatio(`processor time of a primary hit, ${size} ÷ bare Worker`, own, bare, { limit: 1.15 }),
      speedRatio(`the smallest Worker with the same answer, ${size} ÷ bare Worker`, smallest, bare),
    )
  }
  return figures
}

/**
 * Copies with counts over time, beside without: the path of nearly every request must not notice. And the same with one
 * in a hundred compared with its source, in the background.
 */
export const countedHits: Measurement = async (bench) => {
  // The origin has it, too.
  const path = `/${SMALL}/counted.jpg`
  await bench.contest.store(path.slice(1), SMALL, {
    'fallback-storage-source': 'origin',
    'fallback-storage-source-etag': `"origin-${SMALL}"`,
    'fallback-storage-copied': '2026-01-01T00:00:00.000Z',
  })
  const targets = at(bench, path, ['own-shadowed', 'own-counted', 'own'])
  for (const target of targets) await expectAnswer(target, { status: 200, bytes: SMALL })
  const [shadowed = [], counted = [], own = []] = await takeTurns(bench, targets)
  return [
    speedRatio('primary hit with counts over time ÷ without', counted, own, {
      atLeast: 0.98,
      accepted: 0.95,
    }),
    ...cpuRatio('processor time of the same', counted, own, { limit: 1.05 }),
    speedRatio('primary hit with 1 % shadow reads ÷ without', shadowed, counted, {
      atLeast: 0.95,
      accepted: 0.9,
    }),
  ]
}

/** What the edge cache has, beside the same without it. In the simulator, the cache and R2 are both objects in workerd. */
export const edgeHits: Measurement = async (bench) => {
  const figures: Figure[] = []
  for (const [size, bytes] of Object.entries({ '4 KiB': SMALL, '100 KiB': LARGE })) {
    const path = `/edge/${bytes}.jpg`
    await bench.contest.store(path.slice(1), bytes)
    const targets = at(bench, path, ['own-cached', 'own', 'bare'])
    for (const target of targets) await expectAnswer(target, { status: 200, bytes })
    const [cached] = targets
    if (cached)
      await eventually(
        () => 'a hit of the edge cache',
        async () =>
          (await expectAnswer(cached, { status: 200, bytes })).get('Cache-Status')?.includes('-edge; hit') ||
          null,
      )
    const [own = [], uncached = [], bare = []] = await takeTurns(bench, targets)
    figures.push(
      speedRatio(`edge cache hit, ${size} ÷ bare Worker`, own, bare, { atLeast: 1.5, accepted: 1.2 }),
      speedRatio(`edge cache hit, ${size} ÷ uncached hit`, own, uncached),
      ...cpuRatio(`processor time of an edge cache hit, ${size} ÷ bare Worker`, own, bare),
    )
  }
  return figures
}

/** One R2 operation for a part of an object; the peer needs two. */
export const rangedHits: Measurement = async (bench) => {
  const path = `/hit/${LARGE}.jpg`
  await bench.contest.store(path.slice(1), LARGE)
  const headers = { Range: `bytes=${SMALL}-${2 * SMALL - 1}` }
  const targets = at(bench, path, ['own', 'render2'], headers)
  for (const target of targets) await expectAnswer(target, { status: 206, bytes: SMALL })
  const [own = [], render2 = []] = await takeTurns(bench, targets)
  return [speedRatio('ranged hit ÷ render2', own, render2, { atLeast: 1.3 })]
}

/** A browser that revalidates its copy. */
export const notModified: Measurement = async (bench) => {
  const path = `/hit/${SMALL}.jpg`
  await bench.contest.store(path.slice(1), SMALL)
  const [unconditional] = at(bench, path, ['bare'])
  if (!unconditional) return []
  const etag = (await expectAnswer(unconditional, { status: 200 })).get('ETag') ?? ''
  const targets = at(bench, path, ['own', 'bare', 'same-answer'], { 'If-None-Match': etag })
  for (const target of targets) await expectAnswer(target, { status: 304, bytes: 0 })
  const [own = [], bare = [], smallest = []] = await takeTurns(bench, targets)
  return [
    speedRatio('304 ÷ bare Worker', own, bare, { atLeast: 0.93, accepted: 0.85 }),
    speedRatio('304 of the smallest Worker with the same answer ÷ bare Worker', smallest, bare),
  ]
}

/** Objects that only the origin has, with migration off. */
export const fallbackHits: Measurement = async (bench) => {
  const figures: Figure[] = []
  for (const [size, bytes] of Object.entries({ '4 KiB': SMALL, '100 KiB': LARGE })) {
    const targets = at(bench, `/${bytes}/old.jpg`, ['own', 'bare-fetch-through', 'same-answer'])
    for (const target of targets) await expectAnswer(target, { status: 200, bytes })
    const [own = [], bare = [], smallest = []] = await takeTurns(bench, targets)
    const name = `fallback hit, ${size} ÷ bare fetch-through`
    figures.push(
      speedRatio(name, own, bare, { atLeast: 0.85, accepted: 0.65 }),
      speedRatio(`the smallest Worker with the same answer, ${size} ÷ bare fetch-through`, smallest, bare),
    )
  }
  return figures
}

/** A name that no backend has: R2, KV and the origin are all tried, and again for the next request. */
export const misses: Measurement = async (bench) => {
  const targets = at(bench, '/missing/photo.jpg', [
    'own-three',
    'bare-three',
    'own-remembering',
    'same-answer-three',
  ])
  for (const target of targets) await expectAnswer(target, { status: 404 })
  const [own = [], bare = [], remembering = [], smallest = []] = await takeTurns(bench, targets)
  return [
    speedRatio('404 over three backends ÷ the bare three calls', own, bare, { atLeast: 0.9, accepted: 0.8 }),
    speedRatio('the same with the negative cache, as it is by default', remembering, bare),
    speedRatio('404 of the smallest Worker with the same answer ÷ the bare three calls', smallest, bare),
  ]
}

function at(
  { contest }: Bench,
  path: string,
  workers: readonly string[],
  headers: Record<string, string> = {},
): Target[] {
  return workers.map((worker) => ({ url: contest.url(worker) + path, headers }))
}
