import type { Backend } from '../storage/backend.ts'
import { isWritable } from '../storage/backend.ts'
import { accepts, copyTargets, decide } from './placement.ts'
import { type ErrorCode, toStorageError } from '../storage/errors.ts'
import type { Chain } from './fallback.ts'
import type { ObjectInfo } from '../storage/object.ts'

/** What one backend says about a name. */
export interface Finding {
  backend: Backend
  accepts: boolean
  result: 'hit' | 'absent' | 'deleted' | 'not_asked' | ErrorCode
  /** Why it failed. */
  detail?: string
  /** Milliseconds until its answer. */
  latency?: number
  info?: ObjectInfo
}

/**
 * - `present` the backend that copies go to has it
 * - `pending` a fallback has it, and a read or a backfill will copy it
 * - `not_migrating` a fallback has it, and nothing is copied
 * - `blocked` a fallback has it, but a writable backend before it failed and may hold something newer
 * - `no_target` no backend before the one that has it takes copies of it
 * - `deleted`, `absent` there is nothing to copy
 * - `unknown` no backend has it, and at least one failed
 */
export type MigrationState =
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
  /** The backend that a read would be answered by. */
  wouldServe: Finding | null
  tombstone: ObjectInfo | null
  migration: { state: MigrationState; target: Backend | null; reason: string }
}

/** What the chain would do with a read of that name, and why. Looks at every backend and changes nothing. */
export async function explain(chain: Chain, name: string, migrating: boolean): Promise<Explanation> {
  const findings = await Promise.all(chain.backends.map((backend) => find(backend, name)))
  const held = findings.filter(({ info }) => info !== undefined)
  const { serves: wouldServe, tombstone } = decide(chain, name, held)
  return {
    findings,
    wouldServe,
    tombstone: tombstone?.info ?? null,
    migration: migration(chain, findings, { deleted: tombstone !== null, wouldServe, migrating }),
  }
}

async function find(backend: Backend, name: string): Promise<Finding> {
  if (!accepts(backend, name)) return { backend, accepts: false, result: 'not_asked' }
  const started = performance.now()
  const latency = (): number => performance.now() - started
  try {
    const info = await backend.head(name)
    if (!info) return { backend, accepts: true, result: 'absent', latency: latency() }
    const result = info.lifted ? 'absent' : info.deleted ? 'deleted' : 'hit'
    return { backend, accepts: true, result, latency: latency(), info }
  } catch (error) {
    const failure = toStorageError(error, backend.name, name)
    if (failure.code === 'internal') throw failure
    return { backend, accepts: true, result: failure.code, detail: failure.message, latency: latency() }
  }
}

interface Situation {
  deleted: boolean
  wouldServe: Finding | null
  migrating: boolean
}

function migration(
  chain: Chain,
  findings: Finding[],
  { deleted, wouldServe, migrating }: Situation,
): Explanation['migration'] {
  const nowhere = (state: MigrationState, reason: string): Explanation['migration'] => ({
    state,
    target: null,
    reason,
  })
  if (deleted) return nowhere('deleted', 'the name is deleted: what fallbacks hold stays hidden')
  if (!wouldServe?.info) {
    const failed = findings.filter(
      ({ accepts, result }) => accepts && !['absent', 'deleted'].includes(result),
    )
    if (failed.length > 0) return nowhere('unknown', `no backend has it, but ${namesOf(failed)} failed`)
    return nowhere('absent', 'every backend proved that it does not have it')
  }
  const [target, ...others] = copyTargets(chain, wouldServe.backend, wouldServe.info)
  if (!target) {
    if (wouldServe === findings[0] || isWritable(wouldServe.backend)) {
      return { state: 'present', target: wouldServe.backend, reason: `${wouldServe.backend.name} has it` }
    }
    return nowhere('no_target', `no backend before ${wouldServe.backend.name} takes writes of it`)
  }
  const targets: Backend[] = [target, ...others]
  const failed = findings.filter(
    ({ backend, result }) => targets.includes(backend) && result !== 'absent' && result !== 'deleted',
  )
  if (failed.length > 0) return { state: 'blocked', target, reason: `${namesOf(failed)} failed` }
  if (!migrating) return { state: 'not_migrating', target, reason: 'FALLBACK_DATA_MIGRATION is off' }
  return { state: 'pending', target, reason: `a read copies it from ${wouldServe.backend.name}` }
}

function namesOf(findings: Finding[]): string {
  return findings.map(({ backend }) => backend.name).join(', ')
}
