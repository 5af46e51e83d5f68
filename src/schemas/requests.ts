import * as v from 'valibot'
import { ERROR_CODES } from '../storage/errors.ts'
import { isLongerThan, MAX_NAME_BYTES } from '../storage/name.ts'
import { ACCEPTABLE, DIFFERENCE_KINDS, DIRECTIONS, SERIES } from './reasons.ts'

/** The queries and bodies of the API, for the routes and the OpenAPI document. */

const MAX_LIMIT = 1000
/** The longest lifetime of signed URLs in seconds, as of S3's presigned ones: seven days. */
export const MAX_EXPIRY = 604_800
/** A Content-Disposition that a URL may ask for: other characters than printable ASCII go into `filename*`. */
export const DISPOSITION = /^(?=.*[!-~])[ -~]{1,1024}$/
export const MAX_NAMES = 100
/** Each name costs a request to every backend, so a request without a token gets fewer. */
export const MAX_ANONYMOUS_NAMES = 20
const MAX_PURGE = 200
/** Far more than the queue’s consumers can process at once. */
const MAX_CONCURRENCY = 1000
export const MAX_PER_SECOND = 100_000

/** In a query, where numbers are text. */
function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`
  return v.pipe(
    v.string(message),
    v.regex(/^\d{1,9}$/, message),
    v.transform(Number),
    v.minValue(min, message),
    v.maxValue(max, message),
  )
}

/** In a JSON body. */
function wholeJsonNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`
  return v.pipe(v.number(message), v.integer(message), v.minValue(min, message), v.maxValue(max, message))
}

const queryFlag = v.pipe(
  v.picklist(['0', '1', 'false', 'true'], 'must be 1 or 0'),
  v.transform((value) => value === '1' || value === 'true'),
)

const flag = v.boolean('must be true or false')
const prefix = v.pipe(
  v.string('must be a string'),
  v.maxLength(MAX_NAME_BYTES, `must have at most ${MAX_NAME_BYTES} characters`),
  v.check((value) => value.isWellFormed(), 'must not contain a lone surrogate'),
  v.check((value) => !isLongerThan(MAX_NAME_BYTES, value), `must have at most ${MAX_NAME_BYTES} UTF-8 bytes`),
)

const page = { limit: v.optional(wholeNumber(1, MAX_LIMIT), '1000'), cursor: v.exactOptional(v.string()) }

export const urlQuery = v.object({
  expires_in: v.exactOptional(wholeNumber(1, MAX_EXPIRY)),
  'response-content-disposition': v.exactOptional(
    v.pipe(
      v.string(),
      v.regex(
        DISPOSITION,
        "must be a Content-Disposition of at most 1024 printable ASCII characters; write other characters as filename*=UTF-8''…",
      ),
    ),
  ),
})

export const listdirQuery = v.object({ ...page, strict: v.optional(queryFlag, '0') })

export const listQuery = v.object({
  ...listdirQuery.entries,
  delimiter: v.exactOptional(v.literal('/', 'must be /')),
  /** List this one alone. */
  backend: v.exactOptional(v.string()),
})

export const tombstonesQuery = v.object({ ...page, prefix: v.optional(prefix, '') })

export const sessionBody = v.strictObject({ token: v.string('must be a token') })

const names = v.pipe(
  v.array(v.string('must be a string'), 'must be an array of names'),
  v.maxLength(MAX_NAMES, `must contain at most ${MAX_NAMES} names`),
)

export const existsBody = v.strictObject({ names })

export const purgeBody = v.strictObject({
  prefix: v.optional(prefix, ''),
  dry_run: v.optional(flag, false),
  limit: v.optional(wholeJsonNumber(1, MAX_PURGE), 100),
  cursor: v.optional(v.nullable(v.string()), null),
})

/** `isoTimestamp` accepts offsets without minutes, which Date does not. */
const time = (message: string) =>
  v.pipe(
    v.string(message),
    v.isoTimestamp(message),
    v.check((text) => !Number.isNaN(Date.parse(text)), message),
  )

export const restoreBody = v.strictObject({
  time: v.exactOptional(
    time('must be one of the times of `prior_versions`, e.g. "2026-11-28T22:15:00.000Z"'),
  ),
})

export const purgeCacheBody = v.strictObject({
  names: v.exactOptional(v.pipe(names, v.minLength(1, 'must contain at least one name'))),
  prefix: v.exactOptional(prefix),
})

const concurrency = wholeJsonNumber(1, MAX_CONCURRENCY)
const rateMessage = `must be a number greater than 0 and at most ${MAX_PER_SECOND}`
const rate = v.pipe(v.number(rateMessage), v.gtValue(0, rateMessage), v.maxValue(MAX_PER_SECOND, rateMessage))
const backends = v.pipe(
  v.array(v.string('must be a backend’s name'), 'must be an array of backends’ names'),
  v.minLength(1, 'must name at least one backend'),
)

const objectName = v.pipe(v.string('must be an object’s name'), v.minLength(1, 'must be an object’s name'))

export const backfillBody = v.strictObject({
  backends: v.exactOptional(backends),
  prefix: v.optional(prefix, ''),
  dry_run: v.optional(flag, false),
  max_concurrency: v.optional(concurrency, 4),
  max_per_second: v.exactOptional(rate),
  /** Of the chain, or of one backend. */
  manifest: v.exactOptional(
    v.union(
      [
        v.pipe(
          objectName,
          v.transform((name): { name: string; backend?: string } => ({ name })),
        ),
        v.strictObject({ name: objectName, backend: v.exactOptional(v.string('must be a backend’s name')) }),
      ],
      'must be an object’s name, or an object with a `name` and a `backend`',
    ),
  ),
})

export const resyncBody = v.strictObject({
  prefix: v.optional(prefix, ''),
  max_concurrency: v.optional(concurrency, 4),
  max_per_second: v.exactOptional(rate),
})

const queryNumber = v.pipe(v.string(), v.regex(/^\d+(?:\.\d+)?$/, 'must be a number'), v.transform(Number))
const queryList = v.pipe(
  v.string(),
  v.transform((list) => list.split(',')),
)

/** The same options in the query, for a manifest as the body. */
export const manifestQuery = v.object({
  backends: v.exactOptional(v.pipe(queryList, backends)),
  prefix: v.optional(prefix, ''),
  dry_run: v.optional(queryFlag, '0'),
  max_concurrency: v.optional(v.pipe(queryNumber, concurrency), '4'),
  max_per_second: v.exactOptional(v.pipe(queryNumber, rate)),
})

/** One alarm has time for at least one name, even if it is read on several sides. */
export const MIN_VERIFICATION_RATE = 0.1
const verificationRateMessage = `must be a number from ${MIN_VERIFICATION_RATE} to ${MAX_PER_SECOND}`

export const verificationBody = v.strictObject({
  direction: v.optional(v.picklist(DIRECTIONS, `must be ${DIRECTIONS.join(' or ')}`), 'detach'),
  mirror: v.exactOptional(v.string('must be the name of a mirror')),
  prefix: v.optional(prefix, ''),
  deep: v.optional(flag, false),
  check_copies: v.optional(flag, false),
  repair: v.optional(flag, false),
  max_per_second: v.exactOptional(
    v.pipe(
      v.number(verificationRateMessage),
      v.minValue(MIN_VERIFICATION_RATE, verificationRateMessage),
      v.maxValue(MAX_PER_SECOND, verificationRateMessage),
    ),
  ),
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

/** The JSON of a verification. It is about the whole deployment, whichever prefix it has. */
export const certificateBody = v.pipe(
  v.looseObject({
    certificate: v.optional(
      v.nullable(
        v.looseObject({
          key_id: v.nullable(v.string('must be a string')),
          signature: v.nullable(v.string('must be a string')),
          algorithm: v.nullable(v.string('must be a string')),
        }),
      ),
      null,
    ),
  }),
  v.transform((content) => ({ content })),
)

const numberedPage = {
  limit: v.optional(wholeNumber(1, MAX_LIMIT), '100'),
  cursor: v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,15}$/, 'is not a cursor from an earlier page'), v.transform(Number)),
    '0',
  ),
}

export const conflictsQuery = v.object(numberedPage)

export const dismissConflictQuery = v.object({
  backend: v.string('must be the backend of the conflict'),
})

export const deadCopiesQuery = v.object({ limit: numberedPage.limit })

export const failuresQuery = v.object({
  ...numberedPage,
  error: v.exactOptional(v.picklist(ERROR_CODES, 'must be a code as in `error`, like timeout')),
  /** Counts instead of a list. */
  by: v.exactOptional(v.literal('error', 'must be error')),
  /** All of them as a file instead of a page. */
  format: v.exactOptional(v.picklist(['csv', 'ndjson'], 'must be csv or ndjson')),
})

export const differencesQuery = v.object({
  ...numberedPage,
  kind: v.exactOptional(v.picklist(DIFFERENCE_KINDS, `must be one of ${DIFFERENCE_KINDS.join(', ')}`)),
})

/** Seconds of an interval, and for how long they are kept: a day, two weeks, 400 days. */
export const SERIES_STEPS = [60, 900, 86_400] as const

export const seriesQuery = v.object({
  what: v.picklist(SERIES, `must be one of ${SERIES.join(', ')}`),
  from: v.exactOptional(time('must be a time like 2026-12-31T23:59:59Z')),
  step: v.optional(
    v.pipe(
      v.picklist(SERIES_STEPS.map(String), `must be one of ${SERIES_STEPS.join(', ')} seconds`),
      v.transform(Number),
    ),
    '60',
  ),
})

export const migrateBody = v.strictObject({
  names: v.pipe(names, v.minLength(1, 'must contain at least one name')),
})

export type ResyncRequest = v.InferInput<typeof resyncBody>
export type BackfillRequest = v.InferInput<typeof backfillBody>
export type PurgeCacheRequest = v.InferInput<typeof purgeCacheBody>
export type VerificationRequest = v.InferInput<typeof verificationBody>

/** Of senders, each of which has its own; what it says is not about the request, so it cannot be mistaken for its parameters. */
export const eventsBody = v.pipe(
  v.looseObject({}, 'must be a JSON object'),
  v.transform((message) => ({ message })),
)
