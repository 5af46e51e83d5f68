import type {
  Answers,
  Backends,
  Backfill,
  BackfillSeries,
  FailureCounts,
  FailurePage,
  Mirror,
  Series,
  Verification,
} from '../../src/client/client.ts'
import type { SeriesKind } from '../../src/schemas/reasons.ts'
import { SILENT } from '../../test/kit/silent-source.ts'

/** Answers in place of what differs from run to run: a deployment in the last days of its migration. */

/** The time on all pictures. */
export const NOW = new Date('2026-05-04T10:00:00.000Z')

function ago(seconds: number): string {
  return new Date(NOW.getTime() - seconds * 1000).toISOString()
}

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Between 0 and 1, the same on each run. */
function noise(seed: number): number {
  const value = Math.sin(seed * 12.9898) * 43_758.5453
  return value - Math.floor(value)
}

const counters = {
  listed: 62_310,
  copied: 58_011,
  present: 3100,
  skipped: 93,
  skipped_by: { excluded: 60, tombstoned: 33 },
  failed: 12,
  bytes: 391_204_118_220,
}

const running: Backfill = {
  id: '01JTCA7ZK4Q9N5W1M2XHE8RVDB',
  state: 'running',
  ...counters,
  rate: 84.2,
  bytes_rate: 31_400_000,
  total: { objects: 62_310, bytes: 418_220_991_040, exact: true },
  eta: ago(-13 * MINUTE),
  started: ago(13 * MINUTE + HOUR),
  started_by: 'API_TOKEN',
  updated: ago(1),
  finished: null,
  prefix: '',
  dry_run: false,
  manifest: null,
  mirror: null,
  max_concurrency: 6,
  max_per_second: null,
  waiting: null,
  backends: { legacy: counters },
}

const dryRun: Backfill = {
  ...running,
  id: '01JTC9M0V3W8K2B6F7GQ4YDXNA',
  state: 'completed',
  dry_run: true,
  copied: 62_120,
  present: 97,
  failed: 0,
  bytes: 0,
  rate: 940,
  bytes_rate: 0,
  eta: null,
  started: ago(2 * HOUR),
  updated: ago(2 * HOUR - 66),
  finished: ago(2 * HOUR - 66),
  estimate: {
    objects: 62_120,
    bytes: 417_610_338_100,
    objects_of_unknown_size: 0,
    operations: { r2_class_a: 62_214, r2_class_b: 62_310, queue: 186_360, worker_requests: 7_810 },
    cost_usd: { r2: 0.3, queues: 0.07, workers: 0.01, total: 0.38 },
    egress_usd: 0,
    egress_unknown: [],
    egress_prices: { legacy: 'egress_usd_per_gb' },
    storage_usd_per_month: 6.26,
    prices: {
      date: '2026-04-01',
      sources: ['https://developers.cloudflare.com/r2/pricing/'],
    },
  },
}

const POINTS = 150

function backfillSeries(): BackfillSeries {
  const step = 30
  const start = Math.floor(NOW.getTime() / 1000) - POINTS * step
  const index = Array.from({ length: POINTS }, (_, i) => i)
  // It begins slowly, and the origin was slow for some minutes in the middle.
  const speed = (i: number) => Math.min(1, i / 12) * (i > 70 && i < 84 ? 0.25 : 0.75 + 0.25 * noise(i))
  return {
    step,
    at: index.map((i) => start + i * step),
    settled: index.map((i) => Math.round(speed(i) * 100 * step * 0.95)),
    failed: index.map((i) => (i > 72 && i < 80 ? 2 : 0)),
    bytes: index.map((i) => Math.round(speed(i) * (30 + 12 * noise(i + 900)) * 1e6 * step)),
  }
}

const failureCounts: FailureCounts = {
  by: 'error',
  failures: [
    { error: 'timeout', backend: 'legacy', count: 9, example: 'video/2019/harbour-tour.mp4' },
    { error: 'denied', backend: 'legacy', count: 2, example: 'private/contract.pdf' },
    { error: 'corrupt', backend: 'legacy', count: 1, example: 'photos/2017/sunset.jpg' },
  ],
}

const failurePage: FailurePage = {
  failures: [
    {
      name: 'video/2019/harbour-tour.mp4',
      backend: 'legacy',
      error: 'timeout',
      detail: 'no response within 10,000 ms',
      attempts: 5,
    },
    {
      name: 'private/contract.pdf',
      backend: 'legacy',
      error: 'denied',
      detail: 'the origin responded with 403',
      attempts: 1,
    },
  ],
  cursor: null,
}

function covered(prefix: string, objects: number, coverage: number) {
  const there = Math.floor(objects * coverage)
  return { prefix, objects, covered: there, coverage: there / objects }
}

type Condition = Verification['conditions'][number]

const inWords = (age: number): string => `${ago(age).slice(0, 16).replace('T', ' ')} UTC`

const LOOKED_AT = ago(24 * MINUTE)

/** What both certificates say besides the comparison. */
const watched: Condition[] = [
  {
    id: 'left_out',
    met: true,
    decides: true,
    seen: 'Nothing was left out.',
    at: LOOKED_AT,
    next: null,
  },
  {
    id: 'backfills',
    met: true,
    decides: true,
    seen: 'No backfill is open, and none has failures that are neither retried nor accepted.',
    at: LOOKED_AT,
    next: null,
  },
  {
    id: 'configuration',
    met: true,
    decides: true,
    seen: 'The chain is configured as it was compared: media, media_kv, legacy.',
    at: LOOKED_AT,
    next: null,
  },
  {
    id: 'dependence',
    met: false,
    decides: false,
    seen: `media_kv has answered no read since counting began. legacy answered 1,204 reads in the last week, and the last one at ${inWords(3 * 60 * MINUTE)}. Counted since ${inWords(20 * DAY)}.`,
    at: LOOKED_AT,
    next: 'Wait until no fallback has answered a read for 7 days: GET dependence says which folders still need it.',
  },
  {
    id: 'shadow_reads',
    met: null,
    decides: true,
    seen: 'Not looked at: no copy was compared with its source when it was read (FALLBACK_SHADOW_PERCENT is 0).',
    at: LOOKED_AT,
    next: 'Set FALLBACK_SHADOW_PERCENT, e.g. to 1, to compare some copies with their sources when they are read.',
  },
  {
    id: 'source_changes',
    met: true,
    decides: true,
    seen: `The last event of legacy was of ${inWords(9 * 60 * MINUTE)}, and was followed 1.4 s later (95 % within 3.2 s). Conflicts, objects that were saved here and differ from their source: 0.`,
    at: LOOKED_AT,
    next: null,
  },
  {
    id: 'mirrors',
    met: true,
    decides: false,
    seen: 'legacy has 0 pending changes, of which 0 have failed.',
    at: LOOKED_AT,
    next: null,
  },
]

const compared = (isEqual: boolean): Condition[] => [
  {
    id: 'complete',
    met: true,
    decides: true,
    seen: `All names of media, media_kv and legacy were listed, 2 times: the last time as of ${inWords(26 * MINUTE)}.`,
    at: LOOKED_AT,
    next: null,
  },
  {
    id: 'equal',
    met: isEqual,
    decides: true,
    seen: `Of 62,310 objects, ${isEqual ? '62,217' : '62,205'} are equal, 93 are deleted in media, ${isEqual ? 0 : 12} are missing from media, 0 differ, and 0 have changed since they were copied.`,
    at: LOOKED_AT,
    next: isEqual
      ? null
      : 'Look at the differences. A backfill copies what is missing; what was saved on purpose must be decided name by name. Then verify again.',
  },
  {
    id: 'undamaged',
    met: true,
    decides: true,
    seen: 'The objects in media were read and compared with the digests that were recorded with them: 0 are damaged, and 0 were copied again.',
    at: LOOKED_AT,
    next: null,
  },
]

const notSafe: Verification = {
  direction: 'detach',
  id: '01JTCB4R6N0D2Z8S5QKW7M3HYE',
  state: 'completed',
  compared: 62_310,
  equal: 62_205,
  missing: 12,
  different: 0,
  extra: 41,
  changed: 0,
  damaged: 0,
  repaired: 0,
  unrecorded: 0,
  tombstoned: 93,
  equal_by_size: 0,
  left_out: {},
  prefix: '',
  deep: false,
  check_copies: true,
  repair: false,
  max_per_second: 100,
  accepted: [],
  primary: 'media',
  fallbacks: ['media_kv', 'legacy'],
  passes: 2,
  as_of: ago(26 * MINUTE),
  coverage: 62_298 / 62_310,
  prefixes: [
    covered('photos/', 31_204, 0.9999),
    covered('video/', 1810, 0.994),
    covered('thumbnails/', 22_870, 1),
    covered('docs/', 3110, 1),
    covered('audio/', 1216, 0.93),
    covered('private/', 480, 0.81),
    covered('graphics/', 970, 1),
    covered('exports/', 410, 0.4),
    covered('avatars/', 240, 1),
  ],
  safe_to_detach: false,
  reasons: ['12 objects are missing from media', 'the backfill 01JTCA7ZK4Q9N5W1M2XHE8RVDB is running'],
  conditions: [...compared(false), ...watched],
  certificate: {
    issued: ago(24 * MINUTE),
    deployment: '5f3c9a1e',
    configuration: {
      backends: [
        { name: 'media', type: 'r2', read_only: false, prefix: '', timeout_ms: 10_000 },
        { name: 'media_kv', type: 'kv', read_only: true, prefix: '', timeout_ms: 10_000 },
        { name: 'legacy', type: 's3', read_only: false, prefix: 'media/', mirror: true, bucket: 'old-media' },
      ],
      migration: true,
      deletes: 'tombstone',
    },
    current: true,
    algorithm: 'HMAC-SHA-256',
    key_id: 'URL_SIGNING_KEYS 2026-11',
    signature: 'mS2hB0G2yq3vYbO6l0T9yXWm4m2kJ0c9aXH5Yb4Xr8U',
  },
  waiting: null,
  started: ago(26 * MINUTE),
  started_by: 'API_TOKEN',
  updated: ago(24 * MINUTE),
  finished: ago(24 * MINUTE),
}

const safe: Verification = {
  ...notSafe,
  id: '01JTCB9W2H7V4K0C6XN8PZQSFM',
  equal: 62_217,
  missing: 0,
  coverage: 1,
  prefixes: notSafe.prefixes.map(({ prefix, objects }) => covered(prefix, objects, 1)),
  safe_to_detach: true,
  reasons: [],
  conditions: [...compared(true), ...watched],
  started: ago(5 * MINUTE),
  as_of: ago(5 * MINUTE),
  updated: ago(3 * MINUTE),
  finished: ago(3 * MINUTE),
}

/** The old storage, kept as a way back. */
const mirror: Mirror = {
  name: 'old_media',
  pending: 3,
  failed: 1,
  oldest_pending_seconds: 22 * MINUTE,
  last_resync: ago(2 * DAY),
  skipped: 0,
  failures: [
    {
      name: 'video/2019/harbour-tour.mp4',
      error: 'denied',
      detail: 'the server responded with 403 AccessDenied',
      attempts: 6,
      since: ago(22 * MINUTE),
    },
  ],
}

const resynced = {
  ...counters,
  copied: 1204,
  present: 48_310,
  skipped: 51,
  skipped_by: { deleted: 51 },
  bytes: 9_204_118_220,
  failed: 0,
}
const resync: Backfill = {
  ...running,
  ...resynced,
  id: '01JTCC1H5P8R3T6V9X2Z4B7D0F',
  mirror: mirror.name,
  total: { objects: 62_205, bytes: null, exact: true },
  rate: 118,
  bytes_rate: 12_400_000,
  eta: ago(-2 * MINUTE),
  started: ago(7 * MINUTE),
  backends: { [mirror.name]: resynced },
}

const notBack: Verification = {
  ...notSafe,
  id: '01JTCBQ4F6H8K0M2P5R7T9W1Y3',
  direction: 'rollback',
  fallbacks: [mirror.name],
  compared: 62_205,
  equal: 60_950,
  missing: 1201,
  different: 3,
  not_deleted: 51,
  extra: 12,
  tombstoned: 0,
  coverage: 60_950 / 62_205,
  safe_to_roll_back: false,
  reasons: ['1201 objects are missing from old_media', '3 objects are different'],
  conditions: [
    ...compared(true).slice(0, 1),
    {
      id: 'equal',
      met: false,
      decides: true,
      seen: 'Of 62,205 objects, 60,950 are equal, 0 are deleted in media, 1,201 are missing from old_media, 3 differ, and 0 have changed since they were copied.',
      at: LOOKED_AT,
      next: 'Run a resync of the mirror, then verify again. Not right after a flip: a resync would overwrite the changes that had not been mirrored.',
    },
    {
      id: 'mirrors',
      met: false,
      decides: true,
      seen: '3 changes are pending on old_media; 1 change has failed on old_media.',
      at: LOOKED_AT,
      next: 'Wait until the mirrors have caught up, then verify again.',
    },
  ],
}

const events: Answers['listEvents'] = {
  sources: [
    { ...SILENT, backend: mirror.name },
    {
      backend: 'legacy',
      last_event: ago(9 * MINUTE),
      last_received: ago(9 * MINUTE - 1),
      last_handled: ago(9 * MINUTE - 2),
      waiting_since: null,
      lag_seconds: { last: 1.402, max: 61.3, p50: 1.1, p95: 2.9 },
      accepted: 18_204,
      ignored: 311,
      copied: 11_331,
      tombstoned: 4128,
      conflicts: 2,
      unchanged: 2742,
      failed: 1,
    },
  ],
}

const conflicts: Answers['listConflicts'] = {
  conflicts: [
    {
      name: 'photos/2023/pier.jpg',
      backend: 'legacy',
      detail: 'saved in media, not copied: 48210 bytes in media, 47932 in legacy',
      held: { etag: '"9b2c"', modified_time: ago(5 * HOUR), size: 48_210 },
      found: { etag: '"77ab"', modified_time: ago(4 * HOUR), size: 47_932 },
      seen: ago(4 * HOUR - 3),
    },
    {
      name: 'documents/annual reports/2025/figures for the members’ assembly (final, corrected).pdf',
      backend: 'legacy',
      detail: 'saved in media, not copied: another ETag, and the same size',
      held: { etag: '"11c2"', modified_time: ago(3 * DAY), size: 2_804_118 },
      found: { etag: '"0f3d"', modified_time: ago(2 * DAY), size: 2_804_118 },
      seen: ago(2 * DAY - 2),
    },
  ],
  total: 2,
  cursor: null,
}

/** Reads move from the fallback to the primary, more by day than by night. */
function series(what: SeriesKind, step: number, from: Date | undefined): Series {
  const end = Math.floor(NOW.getTime() / 1000 / step) * step
  const kept = { 60: DAY, 900: 14 * DAY, 86_400: 400 * DAY }[step] ?? DAY
  const start = Math.max(end - kept, from ? Math.floor(from.getTime() / 1000 / step) * step : 0)
  const length = Math.floor((end - start) / step)
  const at = Array.from({ length }, (_, i) => start + i * step)
  const column = (value: (share: number, seed: number, time: number) => number) =>
    at.map((time, i) => Math.max(0, Math.round(value(i / length, i, time))))
  const daily = (time: number) => 0.55 - 0.45 * Math.cos(((time % DAY) / DAY) * 2 * Math.PI)
  const load = (time: number, seed: number) => (step / 60) * (daily(time) * 900 + 60 * noise(seed))
  const moved = (share: number) => 0.55 + 0.44 * Math.min(1, share * 1.3)
  const answer = { what, step, counted_since: ago(20 * DAY), at }
  switch (what) {
    case 'reads':
      return {
        ...answer,
        columns: {
          edge: column(() => 0),
          absent: column((_, seed, time) => load(time, seed) * 0.02),
          failed: column((share, seed) => (share > 0.46 && share < 0.5 ? 30 * noise(seed) : 0)),
        },
        backends: {
          media: { reads: column((share, seed, time) => load(time, seed) * moved(share)) },
          media_kv: { reads: column(() => 0) },
          legacy: { reads: column((share, seed, time) => load(time, seed) * (1.03 - moved(share))) },
        },
      }
    case 'copies':
      return {
        ...answer,
        columns: {
          copied: column((share, seed, time) => load(time, seed) * (0.99 - moved(share))),
          present: column((_, seed) => 4 * noise(seed)),
          absent: column(() => 0),
          failed: column((share, seed) => (share > 0.46 && share < 0.5 ? 3 * noise(seed) : 0)),
          bytes: column((share, seed, time) => load(time, seed) * (0.99 - moved(share)) * 640_000),
        },
        backends: {},
      }
    case 'health':
      return {
        ...answer,
        columns: {},
        backends: {
          media: latency(column, load, 1, [4, 11]),
          media_kv: latency(column, load, 0.3, [7, 19]),
          legacy: latency(column, load, 0.2, [64, 210]),
        },
      }
  }
}

function latency(
  column: (value: (share: number, seed: number, time: number) => number) => number[],
  load: (time: number, seed: number) => number,
  part: number,
  [p50, p95]: [number, number],
) {
  const hasTrouble = (share: number) => p50 > 50 && share > 0.46 && share < 0.5
  return {
    attempts: column((_, seed, time) => load(time, seed) * part),
    errors: column((share, seed) => (hasTrouble(share) ? 30 * noise(seed) : 0)),
    p50: column((_, seed) => p50 * (0.9 + 0.3 * noise(seed))),
    p95: column((share, seed) => p95 * (0.9 + 0.5 * noise(seed) + (hasTrouble(share) ? 3 : 0))),
  }
}

const LATENCIES = {
  media: { p50: 4, p95: 11, p99: 24, count: 256 },
  media_kv: { p50: 7, p95: 19, p99: 41, count: 256 },
  legacy: { p50: 64, p95: 212, p99: 480, count: 256 },
}

/** The chain as it is, with figures of a busy isolate. */
function backends(real: Backends, hasMirror: boolean): Backends {
  const [first] = real.backends
  const added =
    hasMirror && first ? [{ ...first, name: mirror.name, type: 's3', role: 'mirror' as const }] : []
  return {
    ...real,
    counted_since: ago(20 * DAY),
    last_fallback_read: { at: ago(7 * MINUTE), name: 'photos/2019/regatta.jpg', backend: 'legacy' },
    backends: [...real.backends, ...added].map((backend) => ({
      ...backend,
      health: {
        state: 'closed',
        failures: 0,
        recent_errors:
          backend.name === 'legacy'
            ? [
                { at: ago(42 * MINUTE), error: 'timeout', detail: 'no response within 10,000 ms' },
                { at: ago(44 * MINUTE), error: 'timeout', detail: 'no response within 10,000 ms' },
              ]
            : [],
        latency_ms: LATENCIES[backend.name as keyof typeof LATENCIES],
      },
    })),
  }
}

/** A fallback that is not needed any more, and one that still is. */
export const dependence: Answers['getDependence'] = {
  counted_since: ago(20 * DAY),
  reads: { hour: 41_820, day: 798_300, week: 5_571_204 },
  fallbacks: [
    {
      name: 'media_kv',
      role: 'fallback',
      reads: { hour: 0, day: 0, week: 0 },
      share: 0,
      last_read: { at: ago(12 * DAY + 5 * HOUR), name: 'settings/banner.json' },
      quiet_days: 12,
      prefixes: [],
    },
    {
      name: 'legacy',
      role: 'fallback',
      reads: { hour: 418, day: 31_400, week: 604_133 },
      share: 31_400 / 798_300,
      last_read: { at: ago(7 * MINUTE), name: 'photos/2019/regatta.jpg' },
      quiet_days: 0,
      prefixes: [
        { prefix: 'video/', reads: 402_117, last_read: ago(7 * MINUTE) },
        { prefix: 'photos/', reads: 161_032, last_read: ago(9 * MINUTE) },
        { prefix: 'private/', reads: 31_870, last_read: ago(HOUR) },
        { prefix: '', reads: 7904, last_read: ago(2 * HOUR) },
        { prefix: 'docs/', reads: 811, last_read: ago(DAY) },
        { prefix: 'graphics/', reads: 301, last_read: ago(3 * DAY) },
        { prefix: 'audio/', reads: 98, last_read: ago(5 * DAY) },
      ],
    },
  ],
  shadow_percent: 1,
  shadowed: 49_206,
  mismatched: 2,
  mismatches: [
    {
      name: 'photos/2023/pier.jpg',
      backend: 'legacy',
      detail: 'the source has 48,210 bytes, the copy 47,932',
      at: ago(5 * HOUR),
    },
    {
      name: 'docs/leaflet.pdf',
      backend: 'legacy',
      detail: 'the source has another ETag than the copy was made from',
      at: ago(2 * DAY),
    },
  ],
}

const ISO_TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g

/** The views of a deployment that has a mirror. */
const MIRRORED = ['sources', 'rollback', 'not-back']

/**
 * The answer to this address below `-/api/` in the pictures: in place of the real one, or made from it; undefined if the
 * real one is shown.
 */
export function answer(path: string, query: URLSearchParams, real: () => string, view: string): unknown {
  const from = query.get('from')
  switch (path) {
    case 'backends':
      return backends(JSON.parse(real()) as Backends, MIRRORED.includes(view))
    case 'series':
      return series(
        query.get('what') as SeriesKind,
        Number(query.get('step') ?? 60),
        from === null ? undefined : new Date(from),
      )
    case 'dependence':
      return dependence
    case 'backfills':
      return { backfills: [resync, running, dryRun] } satisfies Answers['listBackfills']
    case `backfills/${resync.id}`:
      return resync
    case `backfills/${running.id}`:
      return running
    case `backfills/${dryRun.id}`:
      return dryRun
    case `backfills/${running.id}/series`:
    case `backfills/${dryRun.id}/series`:
      return backfillSeries()
    case `backfills/${running.id}/failures`:
      return query.has('by') ? failureCounts : failurePage
    case `backfills/${dryRun.id}/failures`:
      return query.has('by') ? { ...failureCounts, failures: [] } : { ...failurePage, failures: [] }
    case 'verifications':
      return { verifications: [notBack, notSafe] } satisfies Answers['listVerifications']
    case `verifications/${notSafe.id}`:
      return notSafe
    case `verifications/${notBack.id}`:
      return notBack
    case `verifications/${safe.id}`:
      return safe
    case `verifications/${notSafe.id}/differences`:
      return {
        differences: failurePage.failures.map(({ name }) => ({
          kind: 'missing',
          name,
          backend: 'legacy',
          detail: 'media does not have it',
        })),
        cursor: null,
      } satisfies Answers['listDifferences']
    case `verifications/${safe.id}/differences`:
      return { differences: [], cursor: null } satisfies Answers['listDifferences']
    case `verifications/${notBack.id}/differences`:
      return { differences: [], cursor: null } satisfies Answers['listDifferences']
    case 'events':
      return events
    case 'conflicts':
      return conflicts
    case 'mirrors':
      return { mirrors: [mirror] } satisfies Answers['listMirrors']
    case 'dead_copies':
      return {
        dead_copies: [
          {
            name: 'video/2019/harbour-tour.mp4',
            error: 'timeout',
            detail: 'no response within 10,000 ms',
            attempts: 9,
            time: ago(3 * HOUR),
          },
        ],
        total: 1,
      } satisfies Answers['listDeadCopies']
    case 'session':
      return JSON.parse(real().replaceAll(ISO_TIME, ago(-11 * HOUR)))
    default:
      return JSON.parse(
        real()
          .replaceAll(ISO_TIME, ago(3 * DAY))
          .replaceAll(/"latency_ms":[\d.]+/g, '"latency_ms":3'),
      )
  }
}

/** Where the pictures are taken, by name. */
export const VIEWS: Record<string, string> = {
  browse: '#/browse/photos/',
  object: '#/object/photos/sun.png',
  migration: '#/migration',
  job: `#/migration/${running.id}`,
  'dry-run': `#/migration/${dryRun.id}`,
  'not-safe': `#/verification/${notSafe.id}`,
  certificate: `#/verification/${safe.id}`,
  sources: '#/sources',
  rollback: '#/rollback',
  'not-back': `#/verification/${notBack.id}`,
  health: '#/health',
  welcome: '#/welcome',
}
