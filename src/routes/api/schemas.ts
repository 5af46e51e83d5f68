import * as v from 'valibot'

/** What the JSON API takes: checked by the routes, and the source of the OpenAPI document. */

const MAX_LIMIT = 1000
/** Longest life of a presigned URL in S3: seven days. */
const MAX_EXPIRY = 604_800
export const MAX_NAMES = 100
/** Each name costs a request to every backend, and nobody answers for what a request without a token costs. */
export const MAX_ANONYMOUS_NAMES = 20
const MAX_PURGE = 200

function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`
  return v.pipe(
    v.string(message),
    v.regex(/^\d{1,9}$/, message),
    v.transform(Number),
    v.minValue(min, message),
    v.maxValue(max, message),
    v.metadata({ minimum: min, maximum: max }),
  )
}

const flag = v.pipe(
  v.picklist(['0', '1', 'false', 'true'], 'must be 1 or 0'),
  v.transform((value) => value === '1' || value === 'true'),
)

const page = { limit: v.optional(wholeNumber(1, MAX_LIMIT), '1000'), cursor: v.exactOptional(v.string()) }

export const urlQuery = v.object({ expires_in: v.exactOptional(wholeNumber(1, MAX_EXPIRY)) })

export const listdirQuery = v.object({ ...page, strict: v.optional(flag, '0') })

export const listQuery = v.object({
  ...listdirQuery.entries,
  delimiter: v.exactOptional(v.literal('/', 'can only be /')),
})

export const tombstonesQuery = v.object({ ...page, prefix: v.optional(v.string(), '') })

export const existsBody = v.strictObject({
  names: v.pipe(
    v.array(v.string('must be a string'), 'must be an array of names'),
    v.maxLength(MAX_NAMES, `must be ${MAX_NAMES} names at most`),
  ),
})

export const purgeBody = v.strictObject({
  prefix: v.optional(v.string(), ''),
  dry_run: v.optional(v.boolean('must be true or false'), false),
  limit: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_PURGE, `must be ${MAX_PURGE} at most`)),
    100,
  ),
  cursor: v.optional(v.nullable(v.string()), null),
})
