import * as v from 'valibot'
import { ACCEPTABLE, CONDITION_IDS, DIFFERENCE_KINDS, DIRECTIONS, LEFT_OUT_REASONS } from './reasons.ts'

/** The responses of the job routes. */

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const fraction = v.pipe(v.number(), v.minValue(0), v.maxValue(1))
const time = v.pipe(v.string(), v.isoTimestamp())
const cursor = v.nullable(v.string())
const startedBy = v.pipe(
  v.nullable(v.string()),
  v.description('The name of the token, or of the person, that started it.'),
)
const counters = {
  listed: count,
  copied: count,
  present: v.pipe(
    count,
    v.description('Already in the primary; in a resync: the mirror equals the primary.'),
  ),
  skipped: v.pipe(count, v.description('Not copied; `skipped_by` has the reasons.')),
  skipped_by: v.pipe(
    v.strictObject({
      excluded: v.exactOptional(
        v.pipe(count, v.description('Excluded by the `include` or `exclude` of the source.')),
      ),
      not_accepted: v.exactOptional(
        v.pipe(
          count,
          v.description(
            'No writable backend before the source accepts the name; in a resync: the mirror cannot hold it.',
          ),
        ),
      ),
      tombstoned: v.exactOptional(
        v.pipe(
          count,
          v.description(
            'Deleted in the primary, so they are not copied; in a resync: a mirror with "keep-deleted" keeps them.',
          ),
        ),
      ),
      shadowed: v.exactOptional(
        v.pipe(count, v.description('An earlier fallback that this job does not copy from has the name.')),
      ),
      gone: v.exactOptional(v.pipe(count, v.description('Deleted from the source after they were listed.'))),
      deleted: v.exactOptional(
        v.pipe(count, v.description('Deleted from the mirror, because they are deleted in the primary.')),
      ),
      changing: v.exactOptional(
        v.pipe(count, v.description('Changed in the primary just now: the mirror follows by itself.')),
      ),
      only_in_mirror: v.exactOptional(
        v.pipe(count, v.description('Not in the primary, but not deleted there either: left alone.')),
      ),
    }),
    v.description('Skipped objects by reason; reasons with none are omitted.'),
  ),
  failed: count,
  bytes: v.pipe(count, v.description('Bytes copied.')),
}
const waiting = v.pipe(
  v.nullable(v.strictObject({ backend: v.string(), error: v.string(), detail: v.string(), until: time })),
  v.description('The backend that the job is waiting for, and when it tries again.'),
)

const estimate = v.object({
  objects: count,
  bytes: v.pipe(count, v.description('Of the objects with known sizes.')),
  objects_of_unknown_size: count,
  operations: v.record(v.string(), count),
  cost_usd: v.pipe(
    v.record(v.string(), v.nullable(v.number())),
    v.description(
      'Cost by service, and the `total`. If some egress is unknown, `egress` is missing and `total` is null.',
    ),
  ),
  egress_usd: v.pipe(
    v.nullable(v.number()),
    v.description('The cost of reading from the sources; null if part of it is unknown.'),
  ),
  egress_unknown: v.pipe(
    v.array(v.string()),
    v.description('Backends with an unknown egress price or unknown object sizes.'),
  ),
  egress_prices: v.pipe(
    v.record(v.string(), v.string()),
    v.description('The source of each backend’s egress price: a provider, or `egress_usd_per_gb`.'),
  ),
  storage_usd_per_month: v.pipe(v.nullable(v.number()), v.description('Null if sizes are unknown.')),
  prices: v.objectWithRest(
    { date: v.string(), sources: v.pipe(v.array(v.string()), v.readonly()) },
    v.union([v.number(), v.string(), v.pipe(v.array(v.string()), v.readonly())]),
  ),
})

export const backfill = v.strictObject({
  id: v.string(),
  state: v.picklist(['listing', 'running', 'paused', 'cancelled', 'completed', 'completed_with_failures']),
  ...counters,
  rate: v.pipe(
    v.number(),
    v.description(
      'Objects per second: recently, or on average for a job that has ended. 0 while it is paused or waits.',
    ),
  ),
  bytes_rate: v.pipe(v.number(), v.description('Bytes per second, of copies, over the same time as `rate`.')),
  total: v.pipe(
    v.nullable(
      v.strictObject({
        objects: v.pipe(count, v.description('All that were listed.')),
        bytes: v.pipe(
          v.nullable(count),
          v.description(
            'Of the objects that were to be copied when they were listed. Null if some sizes are unknown.',
          ),
        ),
        exact: v.pipe(
          v.boolean(),
          v.description('False while the sources are still being listed: at least.'),
        ),
      }),
    ),
    v.description('What the job has found to do. Null while nothing is known.'),
  ),
  eta: v.pipe(
    v.nullable(time),
    v.description(
      'When the job will end at its present rate. Null if that is unknown: it still lists, waits, or is not running.',
    ),
  ),
  started: time,
  started_by: startedBy,
  updated: time,
  finished: v.nullable(time),
  prefix: v.string(),
  dry_run: v.boolean(),
  manifest: v.pipe(v.nullable(v.string()), v.description('Where the names come from, if not from listings.')),
  mirror: v.pipe(
    v.nullable(v.string()),
    v.description('The mirror that a resync makes equal to the primary. Null for a backfill of the primary.'),
  ),
  max_concurrency: count,
  max_per_second: v.nullable(v.number()),
  waiting,
  backends: v.record(v.string(), v.strictObject(counters)),
  estimate: v.exactOptional(v.pipe(estimate, v.description('Only for a dry run.'))),
})

export const failures = v.strictObject({
  failures: v.array(
    v.strictObject({
      name: v.string(),
      backend: v.string(),
      error: v.string(),
      detail: v.string(),
      attempts: count,
    }),
  ),
  cursor,
})

export const failureCounts = v.strictObject({
  by: v.literal('error'),
  failures: v.array(
    v.strictObject({
      error: v.string(),
      backend: v.string(),
      count,
      example: v.pipe(v.string(), v.description('One of the names.')),
    }),
  ),
})

export const backfillSeries = v.strictObject({
  step: v.pipe(count, v.description('Seconds from one entry to the next; it doubles as the job goes on.')),
  at: v.pipe(v.array(count), v.description('When each interval began, in seconds since 1970.')),
  settled: v.pipe(
    v.array(count),
    v.description('Objects copied, present, skipped or failed in the interval.'),
  ),
  failed: v.array(count),
  bytes: v.array(count),
})

/** Of a backend, as configured. */
export const setting = v.union([
  v.string(),
  v.number(),
  v.boolean(),
  v.pipe(v.array(v.string()), v.readonly()),
  v.pipe(v.array(v.number()), v.readonly()),
  v.pipe(v.array(v.pipe(v.array(v.string()), v.readonly())), v.readonly()),
])

export const verification = v.strictObject({
  id: v.string(),
  direction: v.pipe(
    v.picklist(DIRECTIONS),
    v.description(
      '`detach`: everything in the fallbacks is in the primary. `rollback`: everything in the primary is on its mirrors.',
    ),
  ),
  state: v.picklist(['running', 'completed', 'cancelled']),
  compared: count,
  equal: count,
  missing: count,
  different: count,
  extra: count,
  changed: v.pipe(
    count,
    v.description(
      'Replaced at the source (in a rollback verification: in the primary) after they were copied.',
    ),
  ),
  damaged: v.pipe(
    count,
    v.description('In the primary with bytes that do not match the digest that was recorded with them.'),
  ),
  unrecorded: v.pipe(
    count,
    v.description('Objects that were to be compared with a recorded digest, but have none.'),
  ),
  repaired: v.pipe(
    count,
    v.description(
      'Damaged copies that were copied again, in all passes; they are compared again after that.',
    ),
  ),
  tombstoned: v.pipe(
    count,
    v.description(
      'Deleted in the primary, but still in a fallback; in a rollback verification, on a mirror that keeps them.',
    ),
  ),
  not_deleted: v.exactOptional(
    v.pipe(
      count,
      v.description('Only in a rollback verification: deleted in the primary, but not on a mirror.'),
    ),
  ),
  equal_by_size: v.pipe(count, v.description('Equal objects for which only the size could be compared.')),
  left_out: v.pipe(
    v.strictObject(v.entriesFromList(LEFT_OUT_REASONS, v.exactOptional(count))),
    v.description(
      'Names that were not compared or cannot be copied, by reason. `unlistable` counts fallbacks; `prefix` is 1 if a prefix was given.',
    ),
  ),
  prefix: v.string(),
  deep: v.boolean(),
  check_copies: v.pipe(
    v.boolean(),
    v.description('The primary’s objects were read and compared with their recorded digests.'),
  ),
  repair: v.pipe(v.boolean(), v.description('Damaged copies are copied again.')),
  max_per_second: v.nullable(v.number()),
  accepted: v.pipe(
    v.array(v.strictObject({ reason: v.picklist(ACCEPTABLE), count })),
    v.description('The reasons that were accepted, with their counts; they do not prevent `safe_to_detach`.'),
  ),
  primary: v.string(),
  fallbacks: v.pipe(
    v.array(v.string()),
    v.readonly(),
    v.description(
      'The backends that are compared with it: fallbacks, or in a rollback verification mirrors.',
    ),
  ),
  passes: v.pipe(
    count,
    v.description(
      'The number of passes over all names; they are repeated while the sources change. The counts are those of the latest pass.',
    ),
  ),
  as_of: v.pipe(
    v.nullable(time),
    v.description('When the last pass began. The certificate describes the sources at that time.'),
  ),
  coverage: v.pipe(
    fraction,
    v.description(
      'The fraction of names in the fallbacks that are equal in the primary, or deleted there. In a rollback verification: of the primary’s names, those that are equal on the mirrors.',
    ),
  ),
  prefixes: v.array(
    v.strictObject({ prefix: v.string(), objects: count, covered: count, coverage: fraction }),
  ),
  safe_to_detach: v.pipe(
    v.boolean(),
    v.description(
      'True only if nothing is missing, different or changed, everything left out or compared only by size is accepted, and no backfill is open or failed. A rollback verification does not look into that: false.',
    ),
  ),
  safe_to_roll_back: v.exactOptional(
    v.pipe(
      v.boolean(),
      v.description(
        'Only in a rollback verification. True only if every object of the primary is on the mirrors, nothing that it deleted is, no change is pending or has failed, and no resync is open.',
      ),
    ),
  ),
  reasons: v.pipe(v.array(v.string()), v.description('Why it is not safe to detach, or to roll back.')),
  conditions: v.pipe(
    v.array(
      v.strictObject({
        id: v.picklist(CONDITION_IDS),
        met: v.pipe(v.nullable(v.boolean()), v.description('Null: it was not looked at.')),
        decides: v.pipe(
          v.boolean(),
          v.description('It is not safe while this is not met. Others are advice.'),
        ),
        seen: v.pipe(v.string(), v.description('What was seen.')),
        at: v.pipe(v.nullable(time), v.description('When it was looked at.')),
        next: v.pipe(v.nullable(v.string()), v.description('What to do if it is not met.')),
      }),
    ),
    v.description('What was looked at, and what has come of it.'),
  ),
  certificate: v.pipe(
    v.nullable(
      v.strictObject({
        issued: time,
        deployment: v.pipe(v.string(), v.description('Identifies the deployment that compared.')),
        configuration: v.pipe(
          v.strictObject({
            backends: v.array(v.record(v.string(), setting)),
            migration: v.boolean(),
            deletes: v.string(),
          }),
          v.description('The chain that was compared, without secrets.'),
        ),
        current: v.pipe(v.boolean(), v.description('The chain still has this configuration.')),
        algorithm: v.nullable(v.literal('HMAC-SHA-256')),
        key_id: v.nullable(v.string()),
        signature: v.pipe(
          v.nullable(v.string()),
          v.description('Of everything else in this answer. Null: the deployment has no key.'),
        ),
      }),
    ),
    v.description('Only of a completed verification.'),
  ),
  waiting,
  started: time,
  started_by: startedBy,
  updated: time,
  finished: v.nullable(time),
})

export const differences = v.strictObject({
  differences: v.array(
    v.strictObject({
      kind: v.picklist(DIFFERENCE_KINDS),
      name: v.string(),
      backend: v.string(),
      detail: v.string(),
    }),
  ),
  cursor,
})

export const certificateCheck = v.strictObject({
  valid: v.pipe(v.boolean(), v.description('Signed by this deployment, and unchanged since.')),
  detail: v.string(),
  current: v.pipe(
    v.nullable(v.boolean()),
    v.description('Whether the chain is still configured as it says. Null unless it is valid.'),
  ),
})

export const deadCopies = v.strictObject({
  dead_copies: v.array(
    v.strictObject({ name: v.string(), error: v.string(), detail: v.string(), attempts: count, time }),
  ),
  total: v.pipe(count, v.description('With those that are not in this answer.')),
})

export type Backfill = v.InferOutput<typeof backfill>
export type Counters = Backfill['backends'][string]
export type Estimate = v.InferOutput<typeof estimate>
export type Waiting = NonNullable<Backfill['waiting']>
export type FailurePage = v.InferOutput<typeof failures>
export type FailureCounts = v.InferOutput<typeof failureCounts>
export type BackfillSeries = v.InferOutput<typeof backfillSeries>
export type BackfillFailure = FailurePage['failures'][number]
export type Verification = v.InferOutput<typeof verification>
export type CertificateCheck = v.InferOutput<typeof certificateCheck>
export type DifferencePage = v.InferOutput<typeof differences>
export type Difference = DifferencePage['differences'][number]
