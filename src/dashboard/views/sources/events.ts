import type { BackendDescription, ConflictPage, SourceJson } from '../../../client/client.ts'
import { formatAgo, formatBytes, formatDuration, formatTime } from '../../format.ts'
import type { BadgeState } from '../../parts/badge.tsx'

/** What sources said of their changes, in words; pure. */

/** Events that wait for so long are probably behind the pages of a backfill, or their queue has no consumer. */
const WAITING_MS = 5 * 60_000

/** How the events of a source are, at a glance. */
export function stateOf(source: SourceJson, now = Date.now()): BadgeState {
  const { last_received: received, last_handled: handled, waiting_since: since, accepted, ignored } = source
  if (received === null) return { tone: 'idle', icon: 'circle-dashed', word: 'no events yet' }
  if (accepted === 0 && ignored > 0) return { tone: 'warn', icon: 'triangle-alert', word: 'all ignored' }
  if (since !== null && now - Date.parse(since) >= WAITING_MS)
    return { tone: 'warn', icon: 'triangle-alert', word: 'waiting' }
  if (handled === null) return { tone: 'accent', icon: 'refresh-cw', word: 'none handled yet' }
  // Others may still wait: how many do is not known.
  return { tone: 'good', icon: 'circle-check', word: `last handled ${formatAgo(handled, now)}` }
}

/** What came of the events, in the order of the table: what it is called, and whether it needs attention. */
export function countsOf(source: SourceJson): { label: string; count: number; needsAttention?: boolean }[] {
  return [
    { label: 'accepted', count: source.accepted },
    { label: 'copied', count: source.copied },
    { label: 'deleted here', count: source.tombstoned },
    { label: 'in line already', count: source.unchanged },
    { label: 'conflicts', count: source.conflicts },
    { label: 'given up', count: source.failed, needsAttention: source.failed > 0 },
    { label: 'ignored', count: source.ignored },
  ]
}

/** `median 1.1 s, 95 % within 2.9 s, the last one 1.4 s, the longest 1 min 1 s`; null before the first. */
export function describeLag({ lag_seconds: lag }: SourceJson): string | null {
  if (!lag) return null
  return `median ${formatSeconds(lag.p50)}, 95 % within ${formatSeconds(lag.p95)}, the last one ${formatSeconds(lag.last)}, the longest ${formatSeconds(lag.max)}`
}

function formatSeconds(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(1)} s` : formatDuration(seconds)
}

/** For how long a copy from the source is not compared again when it is read; null if it is never. */
export function revalidatesAfter({ config }: BackendDescription): string | null {
  const seconds = config?.['revalidate_seconds']
  return typeof seconds === 'number' ? formatDuration(seconds) : null
}

/** `4.7 KB, 2026-11-28 21:14`. */
export function describeVersion({
  size,
  modified_time: modified,
}: ConflictPage['conflicts'][number]['held']): string {
  const parts = [size === null ? null : formatBytes(size), modified === null ? null : formatTime(modified)]
  return parts.filter((part) => part !== null).join(', ') || 'size and time unknown'
}
