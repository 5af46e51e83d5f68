import * as v from 'valibot'

/** What backfills and verifications take and answer. */

const count = v.pipe(v.number(), v.integer(), v.minValue(0))
const cursor = v.nullable(v.string())
const counters = {
  listed: count,
  copied: count,
  present: v.pipe(count, v.description('The target held them already.')),
  skipped: v.pipe(count, v.description('Tombstoned or excluded.')),
  failed: count,
  bytes: count,
}

export const backfillBody = v.object({
  backends: v.exactOptional(v.array(v.string())),
  prefix: v.exactOptional(v.string()),
  dry_run: v.exactOptional(v.boolean()),
  max_concurrency: v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(1))),
})

export const verificationBody = v.object({
  prefix: v.exactOptional(v.string()),
  deep: v.exactOptional(v.pipe(v.boolean(), v.description('Compare the bytes, not only sizes and digests.'))),
})

export const backfill = v.object({
  id: v.string(),
  state: v.picklist(['listing', 'running', 'paused', 'cancelled', 'completed', 'completed_with_failures']),
  ...counters,
  rate: v.pipe(v.nullable(v.number()), v.description('Objects in a second, lately.')),
  started: v.nullable(v.string()),
  updated: v.nullable(v.string()),
  backends: v.record(v.string(), v.object(counters)),
})

export const backfills = v.object({ backfills: v.array(backfill) })

export const failures = v.object({
  failures: v.array(
    v.object({
      name: v.string(),
      backend: v.string(),
      error: v.string(),
      detail: v.string(),
      attempts: count,
    }),
  ),
  cursor,
})

export const verification = v.object({
  id: v.string(),
  state: v.string(),
  compared: count,
  equal: count,
  missing: count,
  different: count,
  extra: count,
  changed: count,
  coverage: v.unknown(),
  safe_to_detach: v.pipe(
    v.boolean(),
    v.description('True only if nothing is missing, different or changed and no backfill is open or failed.'),
  ),
  reasons: v.array(v.string()),
})

export const differences = v.object({ differences: v.array(v.record(v.string(), v.unknown())), cursor })
