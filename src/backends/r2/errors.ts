import { type ErrorCode, type ErrorOptions, StorageError, failureOfCall } from '../../storage/errors.ts'

// R2's own codes; a message ends with one in brackets (developers.cloudflare.com/r2/api/error-codes).
const INVALID_RANGE = 10039
const NO_SUCH_UPLOAD = 10024
const TOO_MANY_WRITES = 10058
const LOCKED = 10069
/** R2 accepts one write per second for a name. */
const WRITE_INTERVAL_MS = 1000
const METADATA_TOO_LARGE = 10012
const WRONG_DIGEST = 10037
const ABOUT = new Map<number, ErrorOptions['about']>([
  [METADATA_TOO_LARGE, 'metadata'],
  [WRONG_DIGEST, 'digest'],
])
const RETRYABLE = new Set<number | undefined>([10001, 10043])

const MEANING = new Map<number, [ErrorCode, string]>([
  [10002, ['denied', 'R2 refuses the binding']],
  [10003, ['denied', 'R2 refuses the binding']],
  [10005, ['unavailable', 'R2 does not accept the name of the bucket: check bucket_name of the binding']],
  [10006, ['unavailable', 'R2 has no bucket of that name: check bucket_name of the binding']],
  [10011, ['invalid', 'R2 needs parts of at least 5 MiB, except for the last']],
  [METADATA_TOO_LARGE, ['too-large', 'the metadata is larger than R2 allows']],
  [10013, ['corrupt', 'the body ended early']],
  [10020, ['invalid', 'R2 does not accept that name']],
  [
    NO_SUCH_UPLOAD,
    ['precondition', 'the multipart upload no longer exists: it was completed or aborted in the meantime'],
  ],
  [10025, ['invalid', 'R2 does not have one of the parts']],
  [WRONG_DIGEST, ['corrupt', 'the bytes do not have the announced digest']],
  [10048, ['invalid', 'R2 needs parts of one size; only the last may be smaller']],
  [10054, ['corrupt', 'the body ended early']],
  [LOCKED, ['locked', 'a bucket lock protects the object: it can be neither replaced nor deleted']],
  [TOO_MANY_WRITES, ['too-many-writes', 'R2 accepts one write per second for a name']],
  [100100, ['too-large', 'the object is larger than R2 allows']],
])

/** Converts an error thrown by an operation on a bucket. */
export function fromR2Error(error: unknown, backend: string): StorageError {
  const code = codeOf(error)
  if (code === undefined) return failureOfCall(error, backend)
  const [kind, message] = MEANING.get(code) ?? ['unavailable', `R2 failed with code ${code}`]
  const retryAfter = code === TOO_MANY_WRITES ? WRITE_INTERVAL_MS : undefined
  return new StorageError(kind, message, { backend, cause: error, retryAfter, about: ABOUT.get(code) })
}

/** Whether a range past the end may be the reason. For one that begins exactly at the end, the simulator fails without a code. */
export function mayBeRange(error: unknown): boolean {
  const code = codeOf(error)
  return code === INVALID_RANGE || code === 0
}

export function isTooManyWrites(error: unknown): boolean {
  return codeOf(error) === TOO_MANY_WRITES
}

export function isLocked(error: unknown): boolean {
  return codeOf(error) === LOCKED
}

export function isNoSuchUpload(error: unknown): boolean {
  return codeOf(error) === NO_SUCH_UPLOAD
}

/** Repeats a call once after a failure that R2 documents as temporary. */
export async function retryOnce<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    if (!RETRYABLE.has(codeOf(error))) throw error
    return call()
  }
}

function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error) || error instanceof StorageError) return undefined
  const [, code] = /\((\d+)\)$/.exec(error.message) ?? []
  if (code !== undefined) return Number(code)
  // A bucket lock is recognised even if the code is missing.
  return /locked by the bucket policy|ObjectLockedByBucketPolicy/i.test(error.message) ? LOCKED : undefined
}
