import type { Answers } from '../schemas/answers.ts'
import type { Backend } from '../storage/backend.ts'
import { isoTime } from '../storage/iso-time.ts'
import {
  type FallbackRead,
  intervalAt,
  MAX_PREFIXES,
  type Mismatch,
  OTHER_PREFIXES,
  PREFIX_RING,
} from './rings.ts'

type Dependence = Answers['getDependence']
type Fallback = Dependence['fallbacks'][number]

interface CountedKey extends Record<string, SqlStorageValue> {
  /** `what/backend/column` */
  key: string
  hour: number
  day: number
  week: number
  /** When the last interval ended in which it was counted, in seconds since 1970. */
  end: number
}

interface CountedPrefix extends Record<string, SqlStorageValue> {
  /** `backend/first directory/` */
  key: string
  reads: number
  /** Milliseconds since 1970. */
  last: number
}

/** What the object knows of the reads of the last week. */
export interface Counted {
  now: number
  /** Milliseconds since 1970; `null` if nothing was ever counted. */
  countedSince: number | null
  counts: readonly CountedKey[]
  prefixes: readonly CountedPrefix[]
  fallbackReads: readonly FallbackRead[]
  mismatches: readonly Mismatch[]
}

/** The latest interval, which is still being counted, and those before it that are within that time. */
const MINUTES_AN_HOUR = 60
const MINUTES_A_DAY = 1440
const QUARTERS_A_WEEK = 672

const COUNTS = `
  SELECT key,
    SUM(iif(step = 60 AND at >= ?, value, 0)) AS hour,
    SUM(iif(step = 60 AND at >= ?, value, 0)) AS day,
    SUM(iif(step = 900 AND at >= ?, value, 0)) AS week,
    MIN(MAX(iif(step = 86400, at, 0)) + 86400, IFNULL(MAX(iif(step = 900, at, NULL)) + 900, 1e12)) AS end
  FROM rings, json_each(counts) WHERE key LIKE 'reads/%' OR key LIKE 'shadow/%' GROUP BY key`

const PREFIXES = `
  SELECT key, SUM(value ->> 0) AS reads, MAX(value ->> 1) AS last
  FROM prefixes, json_each(prefixes.reads) WHERE at >= ? GROUP BY key ORDER BY reads DESC, key`

/** Sums the rings of the object. */
export function readCounts(sql: SqlStorage, now: number): Pick<Counted, 'now' | 'counts' | 'prefixes'> {
  const hour = intervalAt(now, 60) - (MINUTES_AN_HOUR - 1) * 60
  const day = intervalAt(now, 60) - (MINUTES_A_DAY - 1) * 60
  const week = intervalAt(now, PREFIX_RING.step) - (QUARTERS_A_WEEK - 1) * PREFIX_RING.step
  const counts = sql.exec<CountedKey>(COUNTS, hour, day, week).toArray()
  return { now, counts, prefixes: mostRead(sql.exec<CountedPrefix>(PREFIXES, week)) }
}

/** The most-read prefixes of each backend, and the rest of them as one. */
function mostRead(prefixes: Iterable<CountedPrefix>): CountedPrefix[] {
  const kept = new Map<string, CountedPrefix[]>()
  for (const prefix of prefixes) {
    const [backend, directory] = split(prefix.key)
    const own = kept.get(backend) ?? [{ key: `${backend}/${OTHER_PREFIXES}`, reads: 0, last: 0 }]
    kept.set(backend, own)
    const [others] = own
    if (others && (directory === OTHER_PREFIXES || own.length > MAX_PREFIXES)) {
      others.reads += prefix.reads
      others.last = Math.max(others.last, prefix.last)
    } else own.push(prefix)
  }
  return Array.from(kept.values()).flatMap(([others, ...own]) =>
    others && others.reads > 0 ? [...own, others] : own,
  )
}

/** The chain whose fallbacks may be needed. */
export interface DependentChain {
  backends: readonly Pick<Backend, 'name' | 'mirror'>[]
  shadowPercent: number
}

/** How much each fallback is needed. */
export function dependenceOf(
  { now, countedSince, counts, prefixes, fallbackReads, mismatches }: Counted,
  { backends, shadowPercent }: DependentChain,
): Dependence {
  const sum = (isSummed: (key: string) => boolean) => {
    const summed = counts.filter(({ key }) => isSummed(key))
    const total = (window: 'hour' | 'day' | 'week') => summed.reduce((all, one) => all + one[window], 0)
    return { hour: total('hour'), day: total('day'), week: total('week') }
  }
  const reads = sum((key) => key.endsWith('/reads') || key === 'reads//edge')
  const compared = sum((key) => key.startsWith('shadow/'))
  const fallbacks = backends.slice(1).map(({ name, mirror }): Fallback => {
    const own = sum((key) => key === `reads/${name}/reads`)
    const known = fallbackReads.find(({ backend }) => backend === name)
    const last =
      known ??
      lastCounted(
        counts.find(({ key }) => key === `reads/${name}/reads`),
        now,
      )
    const since = last?.at ?? countedSince
    return {
      name,
      role: mirror ? 'mirror' : 'fallback',
      reads: own,
      share: reads.day > 0 ? own.day / reads.day : null,
      last_read: last && { at: isoTime(last.at), name: last.name },
      // The clock of the isolate that counted it may be ahead of this one.
      quiet_days: since === null ? null : Math.max(0, Math.floor((now - since) / 86_400_000)),
      prefixes: prefixes
        .filter(({ key }) => key.startsWith(`${name}/`))
        .map(({ key, reads: count, last: at }) => ({
          prefix: split(key)[1],
          reads: count,
          last_read: isoTime(at),
        })),
    }
  })
  return {
    counted_since: isoTime(countedSince),
    reads,
    fallbacks,
    shadow_percent: shadowPercent,
    shadowed: compared.week,
    mismatched: sum((key) => key.startsWith('shadow/') && key.endsWith('/mismatched')).week,
    mismatches: mismatches.map(({ at, ...mismatch }) => ({ ...mismatch, at: isoTime(at) })),
  }
}

/** Earlier versions kept the latest read of only one fallback, but counted those of all: it was before the interval's end. */
function lastCounted(
  counted: CountedKey | undefined,
  now: number,
): { at: number; name: string | null } | null {
  if (!counted) return null
  return { at: Math.min(now, counted.end * 1000), name: null }
}

function split(key: string): [backend: string, prefix: string] {
  const end = key.indexOf('/')
  return [key.slice(0, end), key.slice(end + 1)]
}
