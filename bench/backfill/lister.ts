import { classify } from '../../src/jobs/backfill/classify.ts'
import { createWalk } from '../../src/jobs/walk.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { sortedBackend } from '../sorted-backend.ts'

const COUNT = 1_000_000

/** Names per second of a job's lister with two backends that respond at once: only its own time. */
export async function timeLister(): Promise<number> {
  const names = Array.from({ length: COUNT }, (_, index) => `photos/${String(index).padStart(8, '0')}.jpg`)
  const backends = ['primary', 'legacy'].map((name) => sortedBackend(name, names))
  const chain = createChain(backends, { deletes: 'tombstone' })
  const walk = createWalk(backends, '')
  const sources = new Set(['legacy'])
  const started = performance.now()
  let listed = 0
  for (let steps = await walk.take(1000); steps.length > 0; steps = await walk.take(1000))
    listed += steps.filter((step) => classify(chain, sources, step)).length
  if (listed !== COUNT) throw new Error(`${listed} names were listed instead of ${COUNT}`)
  return COUNT / ((performance.now() - started) / 1000)
}
