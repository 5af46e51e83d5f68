import * as v from 'valibot'
import { ERROR_CODES } from '../storage/errors.ts'
import * as jobs from './job-answers.ts'
import { SERIES } from './reasons.ts'
import { SCOPES } from './routes.ts'

/**
 * The responses of the JSON API, each defined once: the routes and the client get their types from here, the OpenAPI
 * document its schemas. The Worker and the client import only types, so that their bundles contain none of it.
 */

const name = v.pipe(v.string(), v.description('The name, decoded.'))
const time = v.pipe(v.string(), v.isoTimestamp(), v.description('ISO 8601 in UTC, with milliseconds.'))
const bytes = v.pipe(v.number(), v.integer(), v.minValue(0))
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const cursor = v.pipe(
  v.nullable(v.string()),
  v.description(
    'Send it as `cursor` to get the next page; `null` on the last page. Even an empty page may have one.',
  ),
)
const errorCode = v.picklist(ERROR_CODES)
const failure = v.strictObject({ name: v.string(), error: errorCode, detail: v.string() })
/** Present only if some backends are degraded. */
const failures = v.exactOptional(
  v.pipe(v.array(failure), v.description('Why each of these backends is degraded.')),
)
const degraded = v.pipe(
  v.array(v.string()),
  v.description('The backends that failed or cannot list: their objects may be missing from this page.'),
)

export const problem = v.object({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
  backends: v.exactOptional(v.pipe(v.array(failure), v.description('The backends that failed, and why.'))),
})

const directory = v.strictObject({
  path: v.string(),
  directories: v.array(v.string()),
  files: v.array(v.string()),
  cursor,
  degraded,
  backends: failures,
})

const listing = v.strictObject({
  prefix: v.string(),
  objects: v.array(
    v.strictObject({
      name,
      size: v.nullable(bytes),
      etag: v.nullable(v.string()),
      modified_time: v.nullable(time),
      content_type: v.exactOptional(v.string()),
      backend: v.string(),
    }),
  ),
  directories: v.array(v.string()),
  cursor,
  degraded,
  backends: failures,
})

const tombstones = v.strictObject({
  prefix: v.string(),
  tombstones: v.array(v.strictObject({ name, deleted_time: v.nullable(time) })),
  cursor,
})

const purge = v.strictObject({
  dry_run: v.boolean(),
  examined: count,
  purged: count,
  kept: count,
  names: v.pipe(v.array(v.string()), v.description('The names that were, or would be, purged.')),
  cursor,
})

const session = v.strictObject({
  name: v.pipe(v.string(), v.description('The name of the token, or the e-mail address of a person.')),
  via: v.pipe(
    v.picklist(['token', 'session', 'access']),
    v.description('How the request is signed in: by bearer token, session cookie or Cloudflare Access.'),
  ),
  scopes: v.pipe(v.array(v.picklist(SCOPES)), v.description('All of them, also those that are included.')),
  prefix: v.exactOptional(v.pipe(v.string(), v.description('Only names that begin with this are allowed.'))),
  expires_time: v.exactOptional(v.pipe(time, v.description('When the session ends.'))),
})

const cachePurge = v.strictObject({
  names: v.exactOptional(v.array(v.string())),
  prefix: v.exactOptional(v.string()),
  reach: v.pipe(
    v.picklist(['everywhere', 'this location']),
    v.description('Whether all locations of Cloudflare are purged, or only the one that answers.'),
  ),
})

const undeleted = v.strictObject({
  name,
  restored: v.pipe(v.boolean(), v.description('Whether a fallback still has the object.')),
  backend: v.nullable(v.string()),
})

const priorVersions = v.strictObject({
  name,
  versions: v.pipe(
    v.array(
      v.strictObject({
        time: v.pipe(time, v.description('When it was replaced or deleted.')),
        reason: v.picklist(['replaced', 'deleted']),
        backend: v.string(),
        size: v.nullable(bytes),
        etag: v.nullable(v.string()),
        modified_time: v.nullable(time),
      }),
    ),
    v.description('Newest first; at most 1000.'),
  ),
})

const restored = v.strictObject({
  name,
  restored_time: v.pipe(time, v.description('When the version that is restored was replaced or deleted.')),
  size: v.nullable(bytes),
})

const explanation = v.strictObject({
  name,
  would_serve: v.pipe(v.nullable(v.string()), v.description('The backend that would serve a read.')),
  tombstone: v.nullable(v.strictObject({ backend: v.string(), deleted_time: v.nullable(time) })),
  migration: v.strictObject({
    enabled: v.boolean(),
    state: v.picklist([
      'present',
      'pending',
      'not_migrating',
      'blocked',
      'no_target',
      'deleted',
      'absent',
      'unknown',
    ]),
    target: v.nullable(v.string()),
    reason: v.string(),
    last_copy: v.exactOptional(
      v.pipe(
        v.strictObject({
          outcome: v.picklist(['pending', 'copied', 'present', 'absent', 'failed']),
          time,
          reason: v.exactOptional(v.string()),
        }),
        v.description('The latest copy as far as this isolate knows; other isolates may know more.'),
      ),
    ),
  }),
  speculation: v.exactOptional(
    v.pipe(
      v.strictObject({
        miss_rate: v.pipe(
          v.number(),
          v.description(
            'How likely the first backend lacks the name: 0 to 1; 0 also if too little was read.',
          ),
        ),
        starts: v.pipe(
          v.array(v.string()),
          v.description('The backends that a read would start together with the first.'),
        ),
      }),
      v.description(
        'Speculative requests as far as this isolate knows; missing if there are none in this chain.',
      ),
    ),
  ),
  backends: v.array(
    v.strictObject({
      name: v.string(),
      type: v.string(),
      accepts: v.boolean(),
      result: v.union([v.picklist(['hit', 'absent', 'deleted', 'not_asked']), errorCode]),
      detail: v.exactOptional(v.string()),
      latency_ms: v.exactOptional(v.number()),
      size: v.exactOptional(bytes),
      etag: v.exactOptional(v.string()),
      modified_time: v.exactOptional(time),
      content_type: v.exactOptional(v.string()),
      version: v.exactOptional(v.string()),
      deleted_time: v.exactOptional(time),
      provenance: v.exactOptional(
        v.strictObject({
          backend: v.string(),
          etag: v.nullable(v.string()),
          modified_time: v.nullable(time),
          copied_time: time,
        }),
      ),
    }),
  ),
})

const lastFallbackRead = v.exactOptional(
  v.pipe(
    v.nullable(v.strictObject({ at: time, name, backend: v.string() })),
    v.description(
      'The latest read that a fallback answered, to within a minute (five seconds, if it is the first in a while); null if there was none since `counted_since`. Missing if TIME_SERIES is not bound or fails.',
    ),
  ),
)

const column = v.array(v.nullable(v.number()))
const columns = v.record(v.string(), column)

const series = v.strictObject({
  what: v.picklist(SERIES),
  step: v.pipe(count, v.description('Seconds from one entry to the next.')),
  counted_since: v.pipe(v.nullable(time), v.description('Nothing is known of the time before.')),
  at: v.pipe(v.array(count), v.description('When each interval began, in seconds since 1970.')),
  columns: v.pipe(
    columns,
    v.description(
      'Counts for each interval, at least: an isolate that is evicted takes up to a minute of counts with it. Reads: `edge`, `absent`, `failed`. Copies: `copied`, `present`, `absent`, `failed`, `bytes`. Null for intervals before `counted_since`.',
    ),
  ),
  backends: v.pipe(
    v.record(v.string(), columns),
    v.description(
      'By backend. Reads: `reads`, those that it answered. Health: `attempts`, `errors`, and `p50` and `p95` of the milliseconds to headers, null without attempts.',
    ),
  ),
})

const moment = v.nullable(time)

const source = v.strictObject({
  backend: v.string(),
  last_event: v.pipe(moment, v.description('When the source made the latest change of which an event came.')),
  last_received: moment,
  last_handled: moment,
  waiting_since: v.pipe(
    moment,
    v.description('When the first event was accepted after the last one was handled; null if none was.'),
  ),
  lag_seconds: v.pipe(
    v.nullable(v.strictObject({ last: v.number(), max: v.number(), p50: v.number(), p95: v.number() })),
    v.description(
      'From a change at the source until the copy was in line. The quantiles are of the latest 256 events.',
    ),
  ),
  accepted: count,
  ignored: v.pipe(count, v.description('Not about a name of this backend; the log says why.')),
  copied: count,
  tombstoned: count,
  conflicts: count,
  unchanged: count,
  failed: v.pipe(count, v.description('Given up; they are listed under `GET dead_copies`.')),
})

const recentReads = v.strictObject({ hour: count, day: count, week: count })

const dependence = v.strictObject({
  counted_since: v.pipe(v.nullable(time), v.description('Nothing is known of the time before.')),
  reads: v.pipe(
    recentReads,
    v.description('Reads of the last hour, day and week that any backend or the edge cache answered.'),
  ),
  fallbacks: v.array(
    v.strictObject({
      name: v.string(),
      role: v.picklist(['fallback', 'mirror']),
      reads: v.pipe(recentReads, v.description('Those that it answered.')),
      share: v.pipe(
        v.nullable(v.number()),
        v.description('Of all reads of the last day, 0 to 1; null if there were none.'),
      ),
      last_read: v.pipe(
        v.nullable(v.strictObject({ at: time, name: v.nullable(name) })),
        v.description(
          'The latest read that it answered; null if none was counted. If an earlier version counted it, the name is null and the time the latest that is possible.',
        ),
      ),
      quiet_days: v.pipe(
        v.nullable(count),
        v.description(
          'Whole days since the last read that it answered, or else since `counted_since`; null if nothing was counted.',
        ),
      ),
      prefixes: v.pipe(
        v.array(
          v.strictObject({
            prefix: v.pipe(
              v.string(),
              v.description('The first directory; empty for names without one, `…` for all others.'),
            ),
            reads: count,
            last_read: time,
          }),
        ),
        v.description('What was read from it in the last week: the 100 with the most reads.'),
      ),
    }),
  ),
  shadow_percent: v.pipe(v.number(), v.description('As configured: FALLBACK_SHADOW_PERCENT.')),
  shadowed: v.pipe(
    count,
    v.description('Copies of the last week that were compared with their source when they were read.'),
  ),
  mismatched: v.pipe(count, v.description('How many of them differed.')),
  mismatches: v.pipe(
    v.array(v.strictObject({ name, backend: v.string(), detail: v.string(), at: time })),
    v.description('The latest 20 of all time, newest first.'),
  ),
})

const migrated = v.strictObject({
  results: v.array(
    v.strictObject({
      name,
      outcome: v.pipe(
        v.picklist(['copied', 'present', 'absent', 'failed']),
        v.description(
          '`present`: the primary has it already. `absent`: no backend has it, or it is deleted.',
        ),
      ),
      error: v.exactOptional(errorCode),
      detail: v.exactOptional(v.string()),
    }),
  ),
})

const backends = v.strictObject({
  migration: v.boolean(),
  deletes: v.picklist(['tombstone', 'first']),
  warnings: v.pipe(
    v.array(v.strictObject({ backend: v.string(), detail: v.string() })),
    v.description('Settings that are valid but probably not intended.'),
  ),
  last_fallback_read: lastFallbackRead,
  counted_since: v.exactOptional(v.nullable(time)),
  backends: v.array(
    v.strictObject({
      name: v.string(),
      type: v.string(),
      role: v.picklist(['primary', 'fallback', 'mirror']),
      writable: v.boolean(),
      methods: v.array(v.string()),
      health: v.exactOptional(
        v.strictObject({
          state: v.picklist(['closed', 'open', 'half-open']),
          failures: count,
          recent_errors: v.array(v.strictObject({ at: time, error: v.string(), detail: v.string() })),
          latency_ms: v.exactOptional(
            v.strictObject({ p50: v.number(), p95: v.number(), p99: v.number(), count }),
          ),
        }),
      ),
      speculative: v.exactOptional(
        v.pipe(
          v.strictObject({ used: count, not_needed: count }),
          v.description(
            'Requests that this isolate sent before the backends before had answered, and how many of them it did not need.',
          ),
        ),
      ),
      config: v.pipe(
        v.nullable(v.record(v.string(), jobs.setting)),
        v.description('As configured; secrets are left out.'),
      ),
    }),
  ),
})

const mirrors = v.strictObject({
  mirrors: v.array(
    v.strictObject({
      name: v.string(),
      pending: v.pipe(
        count,
        v.description('Names in which it may differ from the primary, those that failed included.'),
      ),
      failed: v.pipe(
        count,
        v.description('Pending names that have failed six times. They are tried again every ten minutes.'),
      ),
      oldest_pending_seconds: v.nullable(count),
      last_resync: v.pipe(v.nullable(time), v.description('When a resync was completed for the last time.')),
      skipped: v.pipe(
        count,
        v.description('Changes so far that it cannot hold because of their size or metadata.'),
      ),
      failures: v.pipe(
        v.array(
          v.strictObject({ name, error: v.string(), detail: v.string(), attempts: count, since: time }),
        ),
        v.description(
          'Why pending names have failed so far: at most 100, those with the most attempts first.',
        ),
      ),
    }),
  ),
})

const version = v.strictObject({
  etag: v.nullable(v.string()),
  modified_time: v.nullable(time),
  size: v.nullable(bytes),
})

const conflicts = v.strictObject({
  conflicts: v.array(
    v.strictObject({
      name,
      backend: v.pipe(v.string(), v.description('The source that has another object.')),
      detail: v.string(),
      held: v.pipe(version, v.description('What was saved in the primary.')),
      found: v.pipe(version, v.description('What the source had.')),
      seen: v.pipe(time, v.description('When it was compared last.')),
    }),
  ),
  total: count,
  cursor: v.nullable(v.string()),
})

/** The response of each JSON route, by the route's id. */
export const ANSWERS = {
  save: v.strictObject({ name }),
  exists: v.strictObject({ name, exists: v.boolean() }),
  existsAll: v.strictObject({ exists: v.record(v.string(), v.boolean()) }),
  size: v.strictObject({ name, size: bytes }),
  accessedTime: v.strictObject({ name, accessed_time: time }),
  createdTime: v.strictObject({ name, created_time: time }),
  modifiedTime: v.strictObject({ name, modified_time: time }),
  url: v.strictObject({ name, url: v.string() }),
  getValidName: v.strictObject({ name, valid_name: v.string() }),
  getAvailableName: v.strictObject({ name, available_name: v.string() }),
  path: v.strictObject({ name, path: v.string() }),
  listdirRoot: directory,
  listdir: directory,
  listAll: listing,
  list: listing,
  listTombstones: tombstones,
  purgeTombstones: purge,
  undelete: undeleted,
  listPriorVersions: priorVersions,
  restore: restored,
  purgeCache: cachePurge,
  explain: explanation,
  listBackends: backends,
  listMirrors: mirrors,
  migrate: migrated,
  getSeries: series,
  listEvents: v.strictObject({ sources: v.array(source) }),
  receiveEvents: v.strictObject({ accepted: count, ignored: count }),
  getDependence: dependence,
  health: v.object({ status: v.literal('ok') }),
  listConflicts: conflicts,
  getSession: session,
  signIn: session,
  startBackfill: jobs.backfill,
  listBackfills: v.strictObject({ backfills: v.array(jobs.backfill) }),
  getBackfill: jobs.backfill,
  pauseBackfill: jobs.backfill,
  resumeBackfill: jobs.backfill,
  cancelBackfill: jobs.backfill,
  retryFailedBackfill: jobs.backfill,
  listBackfillFailures: v.union([jobs.failures, jobs.failureCounts]),
  getBackfillSeries: jobs.backfillSeries,
  listDeadCopies: jobs.deadCopies,
  resyncMirror: jobs.backfill,
  startVerification: jobs.verification,
  listVerifications: v.strictObject({ verifications: v.array(jobs.verification) }),
  checkCertificate: jobs.certificateCheck,
  getVerification: jobs.verification,
  listDifferences: jobs.differences,
  cancelVerification: jobs.verification,
}

export type Answers = { [Id in keyof typeof ANSWERS]: v.InferOutput<(typeof ANSWERS)[Id]> }

export type ProblemDocument = v.InferOutput<typeof problem>
export type Degraded = v.InferOutput<typeof failure>
export type ListPage = Answers['list']
export type ListedObject = ListPage['objects'][number]
export type ListdirPage = Answers['listdir']
export type TombstonePage = Answers['listTombstones']
export type PurgePage = Answers['purgeTombstones']
export type CachePurge = Answers['purgeCache']
export type Undeleted = Answers['undelete']
export type PriorVersion = Answers['listPriorVersions']['versions'][number]
export type Explanation = Answers['explain']
export type Finding = Explanation['backends'][number]
export type ConflictPage = Answers['listConflicts']
export type Series = Answers['getSeries']
export type Dependence = Answers['getDependence']
export type Migrated = Answers['migrate']['results'][number]
export type Backends = Answers['listBackends']
export type Mirror = Answers['listMirrors']['mirrors'][number]
export type BackendDescription = Backends['backends'][number]
export type SourceJson = Answers['listEvents']['sources'][number]
