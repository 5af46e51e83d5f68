import type { Backend } from '../storage/backend.ts'
import { isWritable } from '../storage/backend.ts'
import { accepts, copyTargets, decide, mayMoveTo } from './placement.ts'
import { type ErrorCode, toStorageError } from '../storage/errors.ts'
import type { Chain } from './fallback.ts'
import { MAX_SPECULATIVE } from './speculation.ts'
import type { ObjectInfo } from '../storage/object.ts'

/** What one backend says about a name. */
export interface Finding {
  backend: Backend
  accepts: boolean
  result: 'hit' | 'absent' | 'deleted' | 'not_asked' | ErrorCode
  /** Why it failed. */
  detail?: string
  /** Milliseconds until its response. */
  latency?: number
  info?: ObjectInfo
}

/**
 * - `present` the target of copies has it
 * - `pending` a fallback has it, and a read or a backfill will copy it
 * - `not_migrating` a fallback has it, and nothing is copied
 * - `blocked` a fallback has it, but a writable backend before it failed and may have a newer version
 * - `no_target` no backend before the one that has it accepts copies of it
 * - `deleted`, `absent` there is nothing to copy
 * - `unknown` no backend has it, and at least one failed
 */
type MigrationState =
  | 'present'
  | 'pending'
  | 'not_migrating'
  | 'blocked'
  | 'no_target'
  | 'deleted'
  | 'absent'
  | 'unknown'

export interface Explanation {
  findings: Finding[]
  /** The backend that would serve a read. */
  wouldServe: Finding | null
  tombstone: ObjectInfo | null
  migration: { state: MigrationState; target: Backend | null; reason: string }
  /** `null` if reads of this chain start no backend before its turn. */
  speculation: Speculating | null
}

interface Speculating {
  /** How likely the first backend lacks the name, as far as this isolate knows; 0 to 1. */
  missRate: number
  /** What a read would start together with the first backend. */
  starts: Backend[]
}

/** What a read of this name would do, and why. Tries every backend and changes nothing. */
export async function explain(chain: Chain, name: string, migrating: boolean): Promise<Explanation> {
  const findings = await Promise.all(chain.backends.map((backend) => find(backend, name)))
  const held = findings.filter(({ info }) => info !== undefined)
  const { serves: wouldServe, tombstone } = decide(chain, name, held)
  const migration = tombstone
    ? nowhere('deleted', 'the name is deleted: what fallbacks hold stays hidden')
    : explainMigration(chain, findings, { wouldServe, migrating })
  const speculation = explainSpeculation(chain, name)
  return { findings, wouldServe, tombstone: tombstone?.info ?? null, migration, speculation }
}

function explainSpeculation(chain: Chain, name: string): Speculating | null {
  const { speculation } = chain
  if (!speculation) return null
  const rateOf = (backend: Backend): number => speculation.missRates.of(backend.name, name)
  const [first, ...others] = chain.backends.filter((backend) => accepts(backend, name))
  const missRate = first ? rateOf(first) : 0
  const starts: Backend[] = []
  let all = missRate
  for (const backend of others.slice(0, MAX_SPECULATIVE)) {
    if (!speculation.allows(all) || mayMoveTo(chain, backend, name)) break
    starts.push(backend)
    all *= rateOf(backend)
  }
  return { missRate, starts }
}

async function find(backend: Backend, name: string): Promise<Finding> {
  if (!accepts(backend, name)) return { backend, accepts: false, result: 'not_asked' }
  const started = performance.now()
  const finding = (found: Pick<Finding, 'result' | 'detail' | 'info'>): Finding => ({
    backend,
    accepts: true,
    latency: performance.now() - started,
    ...found,
  })
  try {
    const info = await backend.head(name)
    if (!info) return finding({ result: 'absent' })
    return finding({ result: info.lifted ? 'absent' : info.deleted ? 'deleted' : 'hit', info })
  } catch (error) {
    const failure = toStorageError(error, backend.name)
    if (failure.code === 'internal') throw failure
    return finding({ result: failure.code, detail: failure.message })
  }
}

function explainMigration(
  chain: Chain,
  findings: readonly Finding[],
  { wouldServe, migrating }: { wouldServe: Finding | null; migrating: boolean },
): Explanation['migration'] {
  const failedOf = (among: readonly Backend[]): string =>
    findings
      .filter(({ backend, detail }) => detail !== undefined && among.includes(backend))
      .map(({ backend }) => backend.name)
      .join(', ')
  if (!wouldServe?.info) {
    const failed = failedOf(chain.backends)
    return failed === ''
      ? nowhere('absent', 'every backend proved that it does not have it')
      : nowhere('unknown', `no backend has it, but ${failed} failed`)
  }
  const { backend: source, info } = wouldServe
  const targets = copyTargets(chain, source, info)
  const [target] = targets
  if (!target) {
    return source === chain.backends[0] || isWritable(source)
      ? { state: 'present', target: source, reason: `${source.name} has it` }
      : nowhere('no_target', `no backend before ${source.name} takes writes of it`)
  }
  const failed = failedOf(targets)
  if (failed !== '') return { state: 'blocked', target, reason: `${failed} failed` }
  if (!migrating) return { state: 'not_migrating', target, reason: 'FALLBACK_DATA_MIGRATION is off' }
  return { state: 'pending', target, reason: `a read copies it from ${source.name}` }
}

function nowhere(state: MigrationState, reason: string): Explanation['migration'] {
  return { state, target: null, reason }
}
