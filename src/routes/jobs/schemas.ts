import * as v from 'valibot'
import { ACCEPTABLE, DIFFERENCE_KINDS } from '../../jobs/verification/kinds.ts'

/** Jobs take far more than a Worker's queue consumers can work at once. */
const MAX_CONCURRENCY = 1000
const MAX_PER_SECOND = 100_000

const prefix = v.pipe(v.string('must be a string'), v.maxLength(1024, 'must be 1024 characters at most'))
const flag = v.boolean('must be true or false')
const concurrencyMessage = `must be a whole number from 1 to ${MAX_CONCURRENCY}`
const concurrency = v.pipe(
  v.number(concurrencyMessage),
  v.integer(concurrencyMessage),
  v.minValue(1, concurrencyMessage),
  v.maxValue(MAX_CONCURRENCY, concurrencyMessage),
)
const rateMessage = `must be a number above 0, ${MAX_PER_SECOND} at most`
const rate = v.pipe(v.number(rateMessage), v.gtValue(0, rateMessage), v.maxValue(MAX_PER_SECOND, rateMessage))
const backends = v.pipe(
  v.array(v.string('must be a backend’s name'), 'must be an array of backends’ names'),
  v.minLength(1, 'must name at least one backend'),
)

export const backfillBody = v.strictObject({
  backends: v.exactOptional(backends),
  prefix: v.optional(prefix, ''),
  dry_run: v.optional(flag, false),
  max_concurrency: v.optional(concurrency, 4),
  max_per_second: v.exactOptional(rate),
  manifest: v.exactOptional(
    v.pipe(v.string('must be an object’s name'), v.minLength(1, 'must be an object’s name')),
  ),
})

const queryNumber = v.pipe(v.string(), v.regex(/^\d+(?:\.\d+)?$/, 'must be a number'), v.transform(Number))
const queryFlag = v.pipe(
  v.picklist(['0', '1', 'false', 'true'], 'must be 1 or 0'),
  v.transform((value) => value === '1' || value === 'true'),
)
const queryList = v.pipe(
  v.string(),
  v.transform((list) => list.split(',')),
)

/** The same options beside a manifest that is the body. */
export const manifestQuery = v.object({
  backends: v.exactOptional(v.pipe(queryList, backends)),
  prefix: v.optional(prefix, ''),
  dry_run: v.optional(queryFlag, '0'),
  max_concurrency: v.optional(v.pipe(queryNumber, concurrency), '4'),
  max_per_second: v.exactOptional(v.pipe(queryNumber, rate)),
})

export const verificationBody = v.strictObject({
  prefix: v.optional(prefix, ''),
  deep: v.optional(flag, false),
  accept: v.optional(
    v.pipe(
      v.array(
        v.picklist(ACCEPTABLE, `must be one of ${ACCEPTABLE.join(', ')}`),
        'must be an array of reasons',
      ),
      v.transform((reasons) => [...new Set(reasons)]),
    ),
    [],
  ),
})

const pageMessage = 'must be a whole number from 1 to 1000'
const page = {
  limit: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,4}$/, pageMessage),
      v.transform(Number),
      v.minValue(1, pageMessage),
      v.maxValue(1000, pageMessage),
    ),
    '100',
  ),
  cursor: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,15}$/, 'is not one that was given out'), v.transform(Number)),
    '0',
  ),
}

export const failuresQuery = v.object(page)

export const differencesQuery = v.object({
  ...page,
  kind: v.exactOptional(v.picklist(DIFFERENCE_KINDS, `must be one of ${DIFFERENCE_KINDS.join(', ')}`)),
})
