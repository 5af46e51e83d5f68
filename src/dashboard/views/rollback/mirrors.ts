import type { Mirror } from '../../../client/client.ts'
import { formatDuration, plural } from '../../format.ts'
import type { BadgeState } from '../../parts/badge.tsx'

/** Mirrors in words; pure. */

/** Changes usually follow within seconds: minutes mean that the mirror is down or rejects something. */
const BEHIND_SECONDS = 120

/** How a mirror is, at a glance. */
export function stateOf({
  pending,
  failed,
  oldest_pending_seconds: oldest,
  last_resync: resync,
}: Mirror): BadgeState {
  if (failed > 0) return { tone: 'bad', icon: 'circle-x', word: `${plural(failed, 'name')} failed` }
  // What is older than the mirror may be missing there: only a resync or a verification tells.
  if (pending === 0 && resync === null)
    return { tone: 'idle', icon: 'circle-dashed', word: 'nothing pending' }
  if (pending === 0) return { tone: 'good', icon: 'circle-check', word: 'up to date' }
  if ((oldest ?? 0) >= BEHIND_SECONDS)
    return { tone: 'warn', icon: 'triangle-alert', word: `behind for ${formatDuration(oldest ?? 0)}` }
  return { tone: 'accent', icon: 'refresh-cw', word: 'following' }
}

/** The mirror that needs attention most; undefined if all follow. */
export function troubleOf(mirrors: readonly Mirror[]): BadgeState | undefined {
  const states = mirrors.map(stateOf)
  return states.find(({ tone }) => tone === 'bad') ?? states.find(({ tone }) => tone === 'warn')
}
