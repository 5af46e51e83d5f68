import * as v from 'valibot'
import { ACCEPTABLE, DIFFERENCE_KINDS, LEFT_OUT_REASONS } from './reasons.ts'

/** The answers about jobs. */

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
  present: v.pipe(count, v.description('The primary had them already.')),
  skipped: v.pipe(count, v.description('Left where they are, with a reason; see `skipped_by`.')),
  skipped_by: v.pipe(
    v.strictObject({
      excluded: v.exactOptional(v.pipe(count, v.description('Excluded by the filter of the source.'))),
      not_accepted: v.exactOptional(
        v.pipe(count, v.description('No writable backend before the source accepts such names.')),
      ),
      tombstoned: v.exactOptional(v.pipe(count, v.description('Deleted: they stay deleted.'))),
      shadowed: v.exactOptional(
        v.pipe(count, v.description('A fallback that was not chosen is served instead.')),
      ),
      gone: v.exactOptional(v.pipe(count, v.description('Deleted at the source after they were listed.'))),
    }),
    v.description('The skipped ones by reason; reasons that do not occur are left out.'),
  ),
  failed: count,
  bytes: v.pipe(count, v.description('Copied.')),
}
const waiting = v.pipe(
  v.nullable(v.strictObject({ backend: v.string(), error: v.string(), detail: v.string(), until: time })),
  v.description('The backend that does not answer, and when the job resumes by itself.'),
)

const estimate = v.object({
  objects: count,
  bytes: v.pipe(count, v.description('Of the objects whose sizes are known.')),
  objects_of_unknown_size: count,
  operations: v.record(v.string(), count),
  cost_usd: v.pipe(
    v.record(v.string(), v.nullable(v.number())),
    v.description(
      'By service, and the `total`; without `egress` and with a `total` of null where some egress is unknown.',
    ),
  ),
  egress_usd: v.pipe(
    v.nullable(v.number()),
    v.description('The cost of reading from the sources; null if some of it is unknown.'),
  ),
  egress_unknown: v.pipe(
    v.array(v.string()),
    v.description('Backends whose price of egress is unknown, or the sizes of what is copied from them.'),
  ),
  egress_prices: v.pipe(
    v.record(v.string(), v.string()),
    v.description(
      'Whose prices were used, by backend: a provider’s, or `egress_usd_per_gb` of the configuration.',
    ),
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
  rate: v.pipe(v.number(), v.description('Objects in a second: lately, or over all of a job that ended.')),
  started: time,
  started_by: startedBy,
  updated: time,
  finished: v.nullable(time),
  prefix: v.string(),
  dry_run: v.boolean(),
  manifest: v.pipe(v.nullable(v.string()), v.description('Where the names come from instead of listings.')),
  max_concurrency: count,
  max_per_second: v.nullable(v.number()),
  waiting,
  backends: v.record(v.string(), v.strictObject(counters)),
  estimate: v.exactOptional(v.pipe(estimate, v.description('Of a dry run only.'))),
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

export const verification = v.strictObject({
  id: v.string(),
  state: v.picklist(['running', 'completed', 'cancelled']),
  compared: count,
  equal: count,
  missing: count,
  different: count,
  extra: count,
  changed: v.pipe(count, v.description('Replaced at the source since they were copied.')),
  tombstoned: v.pipe(count, v.description('Deleted in the primary, still in a fallback.')),
  equal_by_size: v.pipe(count, v.description('Of the equal ones: only the sizes could be compared.')),
  left_out: v.pipe(
    v.strictObject(v.entriesFromList(LEFT_OUT_REASONS, v.exactOptional(count))),
    v.description(
      'Names that were not compared or cannot be moved, by reason. `unlistable` counts fallbacks, `prefix` is 1 where one was given.',
    ),
  ),
  prefix: v.string(),
  deep: v.boolean(),
  accepted: v.pipe(
    v.array(v.strictObject({ reason: v.picklist(ACCEPTABLE), count })),
    v.description('What the operator accepts, and the counts: it does not prevent detaching.'),
  ),
  primary: v.string(),
  fallbacks: v.pipe(v.array(v.string()), v.readonly()),
  passes: v.pipe(
    count,
    v.description(
      'How often all names were compared: again while the sources change. The counts are those of the last pass.',
    ),
  ),
  as_of: v.pipe(
    v.nullable(time),
    v.description('When the last pass began: the certificate describes the sources at that time.'),
  ),
  coverage: v.pipe(
    fraction,
    v.description('Of the names that fallbacks hold, the part that the primary holds equally, or deleted.'),
  ),
  prefixes: v.array(
    v.strictObject({ prefix: v.string(), objects: count, covered: count, coverage: fraction }),
  ),
  safe_to_detach: v.pipe(
    v.boolean(),
    v.description(
      'True only if nothing is missing, different or changed, nothing was left out or compared by size only that is not accepted, and no backfill is open or failed.',
    ),
  ),
  reasons: v.pipe(v.array(v.string()), v.description('Why it is not safe to detach.')),
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

export const deadCopies = v.strictObject({
  dead_copies: v.array(
    v.strictObject({ name: v.string(), error: v.string(), detail: v.string(), attempts: count, time }),
  ),
})

export type Backfill = v.InferOutput<typeof backfill>
export type Counters = Backfill['backends'][string]
export type Estimate = v.InferOutput<typeof estimate>
export type Waiting = NonNullable<Backfill['waiting']>
export type FailurePage = v.InferOutput<typeof failures>
export type BackfillFailure = FailurePage['failures'][number]
export type Verification = v.InferOutput<typeof verification>
export type DifferencePage = v.InferOutput<typeof differences>
export type Difference = DifferencePage['differences'][number]
