import * as v from 'valibot'

/** What the JSON API answers. Tests hold the real answers against these, and the OpenAPI document shows them. */

const name = v.pipe(v.string(), v.description('The name, decoded.'))
const time = v.pipe(v.string(), v.isoTimestamp(), v.description('ISO 8601 in UTC, with milliseconds.'))
const bytes = v.pipe(v.number(), v.integer(), v.minValue(0))
const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const cursor = v.pipe(
  v.nullable(v.string()),
  v.description(
    'Give it back as `cursor` for the next page; `null` on the last one. A page may be empty and have one.',
  ),
)
const errorCode = v.picklist([
  'absent',
  'unavailable',
  'timeout',
  'denied',
  'skipped',
  'unsatisfiable',
  'invalid',
  'precondition',
  'corrupt',
  'too-large',
  'unsupported',
  'too-many-writes',
  'interrupted',
  'internal',
])
const failure = v.strictObject({ name: v.string(), error: errorCode, detail: v.string() })
/** Only there when some are degraded. */
const failures = v.exactOptional(v.pipe(v.array(failure), v.description('Why each of those is degraded.')))
const degraded = v.pipe(
  v.array(v.string()),
  v.description('Names of the backends that failed or cannot list: what they hold may be missing.'),
)

export const problem = v.object({
  type: v.string(),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
  backends: v.exactOptional(v.pipe(v.array(failure), v.description('What each backend failed with.'))),
})

export const saved = v.strictObject({ name })
export const existence = v.strictObject({ name, exists: v.boolean() })
export const existences = v.strictObject({ exists: v.record(v.string(), v.boolean()) })
export const size = v.strictObject({ name, size: bytes })
export const url = v.strictObject({ name, url: v.string() })
export const accessedTime = v.strictObject({ name, accessed_time: time })
export const createdTime = v.strictObject({ name, created_time: time })
export const modifiedTime = v.strictObject({ name, modified_time: time })
export const validName = v.strictObject({ name, valid_name: v.string() })
export const availableName = v.strictObject({ name, available_name: v.string() })
export const path = v.strictObject({ name, path: v.string() })

export const directory = v.strictObject({
  path: v.string(),
  directories: v.array(v.string()),
  files: v.array(v.string()),
  cursor,
  degraded,
  backends: failures,
})

export const listing = v.strictObject({
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

export const tombstones = v.strictObject({
  prefix: v.string(),
  tombstones: v.array(v.strictObject({ name, deleted_time: v.nullable(time) })),
  cursor,
})

export const purge = v.strictObject({
  dry_run: v.boolean(),
  examined: count,
  purged: count,
  kept: count,
  names: v.pipe(v.array(v.string()), v.description('The names that were, or would be, purged.')),
  cursor,
})

export const undeleted = v.strictObject({
  name,
  restored: v.pipe(v.boolean(), v.description('Whether a fallback still holds the object.')),
  backend: v.nullable(v.string()),
})

export const explanation = v.strictObject({
  name,
  would_serve: v.pipe(v.nullable(v.string()), v.description('The backend that a read would be answered by.')),
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
        v.description('What the isolate that answers saw of the latest copy; others may know more.'),
      ),
    ),
  }),
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

export const backends = v.strictObject({
  migration: v.boolean(),
  deletes: v.picklist(['tombstone', 'first']),
  backends: v.array(
    v.strictObject({
      name: v.string(),
      type: v.string(),
      role: v.picklist(['primary', 'fallback']),
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
      config: v.pipe(
        v.nullable(v.record(v.string(), v.unknown())),
        v.description('As configured; secrets are left out.'),
      ),
    }),
  ),
})

export const liveness = v.object({ status: v.literal('ok') })
