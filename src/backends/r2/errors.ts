import { type ErrorCode, StorageError, failureOfCall } from '../../storage/errors.ts'

// R2's own codes; a message ends with one in brackets (developers.cloudflare.com/r2/api/error-codes).
const INVALID_RANGE = 10039
const NO_SUCH_UPLOAD = 10024
const TOO_MANY_WRITES = 10058
/** R2 takes one write a second for a name. */
const WRITE_INTERVAL_MS = 1000
const RETRYABLE = new Set<number | undefined>([10001, 10043])

const MEANING = new Map<number, [ErrorCode, string]>([
  [10002, ['denied', 'R2 refuses the binding']],
  [10003, ['denied', 'R2 refuses the binding']],
  [10005, ['unavailable', 'R2 does not take the name of the bucket: check bucket_name of the binding']],
  [10006, ['unavailable', 'R2 has no bucket of that name: check bucket_name of the binding']],
  [10012, ['too-large', 'the metadata is larger than R2 keeps']],
  [10013, ['corrupt', 'the body ended early']],
  [10020, ['invalid', 'R2 does not take that name']],
  [10037, ['corrupt', 'the bytes have another digest than announced']],
  [10054, ['corrupt', 'the body ended early']],
  [TOO_MANY_WRITES, ['too-many-writes', 'R2 takes one write a second for a name']],
  [100100, ['too-large', 'the object is larger than R2 takes']],
])

/** What an operation on a bucket threw, as our error. */
export function fromR2Error(error: unknown, backend: string): StorageError {
  const code = codeOf(error)
  if (code === undefined) return failureOfCall(error, backend)
  const [kind, message] = MEANING.get(code) ?? ['unavailable', `R2 failed with code ${code}`]
  const retryAfter = code === TOO_MANY_WRITES ? WRITE_INTERVAL_MS : undefined
  return new StorageError(kind, message, { backend, cause: error, retryAfter })
}

/** Whether a range past the end may be why. The simulator breaks off without a code for one that begins at the very end. */
export function mayBeRange(error: unknown): boolean {
  const code = codeOf(error)
  return code === INVALID_RANGE || code === 0
}

export function isTooManyWrites(error: unknown): boolean {
  return codeOf(error) === TOO_MANY_WRITES
}

export function isNoSuchUpload(error: unknown): boolean {
  return codeOf(error) === NO_SUCH_UPLOAD
}

/** Repeats a call once after a failure that R2 documents as passing. */
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
  return code === undefined ? undefined : Number(code)
}
