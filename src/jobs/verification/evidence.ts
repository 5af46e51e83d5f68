import type { Deployment } from '../../deployment.ts'
import type { MirrorStatus } from '../../mirrors/messages.ts'
import { describeError, log } from '../../observe/log.ts'
import { readDependence } from '../../observe/series.ts'
import type { Dependence } from '../../schemas/answers.ts'
import { openConflicts } from '../../sources/open-conflicts.ts'
import type { SourceStatus } from '../../sources/source-changes.ts'

/** Why something was not looked at. */
export interface Unseen {
  unseen: string
}

/** The most that are looked at again. */
const MAX_CONFLICTS = 50

/** What is known, apart from the comparison, when a verification ends. */
export interface Evidence {
  /** In milliseconds since 1970. */
  at: number
  dependence:
    | (Pick<Dependence, 'counted_since' | 'shadowed' | 'mismatched' | 'shadow_percent'> & {
        fallbacks: Pick<Dependence['fallbacks'][number], 'name' | 'reads' | 'last_read' | 'quiet_days'>[]
        /** When a shadow read found a difference for the last time. */
        lastMismatch: string | null
      })
    | Unseen
  sources: { statuses: Record<string, SourceStatus>; conflicts: number; lastConflict: number | null } | Unseen
  /** Empty if there are none. */
  mirrors: Pick<MirrorStatus, 'mirror' | 'pending' | 'failed'>[] | Unseen
}

type Seen = Pick<Deployment, 'copyChain' | 'config' | 'mirrors' | 'series'> & {
  sources: Pick<Deployment['sources'], 'changes'>
}

/** Never throws: what cannot be read is unseen. */
export async function gatherEvidence(deployment: Seen, now: number): Promise<Evidence> {
  const [dependence, sources, mirrors] = await Promise.all([
    orUnseen(gatherDependence(deployment)),
    orUnseen(gatherSources(deployment)),
    orUnseen(gatherMirrors(deployment)),
  ])
  return { at: now, dependence, sources, mirrors }
}

async function orUnseen<T>(reading: Promise<T>): Promise<T | Unseen> {
  try {
    return await reading
  } catch (error) {
    const reason = describeError(error)
    log('error', 'verification', { outcome: 'unseen', reason })
    return { unseen: `it could not be read: ${reason}` }
  }
}

async function gatherDependence({ series, copyChain, config }: Seen): Promise<Evidence['dependence']> {
  if (!series) return { unseen: 'TIME_SERIES is not bound, so no reads are counted' }
  const { fallbacks, mismatches, counted_since, shadowed, mismatched, shadow_percent } = await readDependence(
    series,
    { backends: copyChain.backends, shadowPercent: config.shadowPercent },
  )
  return {
    counted_since,
    shadowed,
    mismatched,
    shadow_percent,
    fallbacks: fallbacks.map(({ name, reads, last_read, quiet_days }) => ({
      name,
      reads,
      last_read,
      quiet_days,
    })),
    lastMismatch: mismatches[0]?.at ?? null,
  }
}

async function gatherSources({ sources: { changes: open }, copyChain }: Seen): Promise<Evidence['sources']> {
  if (!open) return { unseen: 'SOURCE_CHANGES is not bound, so no events are received' }
  const changes = open()
  const [statuses, { total, conflicts, cursor, last }] = await Promise.all([
    changes.statuses(),
    openConflicts(changes, copyChain, MAX_CONFLICTS),
  ])
  // The next ones were not looked at.
  const latest = conflicts[0] ?? (cursor === null ? null : last)
  return { statuses, conflicts: total, lastConflict: latest?.at ?? null }
}

async function gatherMirrors({ mirrors, copyChain }: Seen): Promise<Evidence['mirrors']> {
  const names = copyChain.backends.filter(({ mirror }) => mirror).map(({ name }) => name)
  if (names.length === 0) return []
  if (!mirrors) return { unseen: 'MIRROR_LOG is not bound' }
  const states = await mirrors.log().status(names)
  return states.map(({ mirror, pending, failed }) => ({ mirror, pending, failed }))
}
