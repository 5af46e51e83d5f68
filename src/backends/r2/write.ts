import {
  type MultipartUpload,
  type PutCondition,
  type PutOptions,
  type UploadedPart,
  conditionHolds,
} from '../../storage/backend.ts'
import type { Digests, ObjectInfo } from '../../storage/object.ts'
import { type Body, sendBody } from '../send-body.ts'
import { writeAgain } from '../../storage/write-again.ts'
import { fromR2Error, isLocked, isNoSuchUpload, isTooManyWrites, retryOnce } from './errors.ts'
import { infoOf, r2Condition, r2Metadata } from './info.ts'

/** R2 checks one digest itself, without a byte passing through JavaScript. */
const NATIVE = ['sha256', 'sha1', 'md5', 'sha512'] as const

export async function putR2(
  backend: string,
  bucket: R2Bucket,
  { key, body, info = {}, onlyIf, size, digests, signal, timer }: PutOptions & { key: string; body: Body },
): Promise<ObjectInfo | null> {
  const { native, others } = splitDigests(digests)
  const options = { ...r2Metadata(info), ...native, ...(onlyIf && { onlyIf: r2Condition(onlyIf) }) }
  const stored = await sendBody(body, {
    size,
    digests: others,
    signal,
    timer,
    send(value) {
      const write = (): Promise<R2Object | null> =>
        bucket
          .put(key, value, options)
          .catch((error: unknown) => afterLock(backend, bucket, { key, onlyIf, error }))
      // A stream cannot be sent twice, so only the caller can repeat a write that came too soon.
      return value instanceof Uint8Array ? writeAgain(write, isTooManyWrites, signal) : write()
    },
  })
  return stored && infoOf(stored, backend)
}

/** R2 checks locks before conditions, so a write whose condition does not hold may be refused because of a lock. */
async function afterLock(
  backend: string,
  bucket: R2Bucket,
  { key, onlyIf, error }: { key: string; onlyIf: PutCondition | undefined; error: unknown },
): Promise<null> {
  if (onlyIf && isLocked(error) && !(await holdsNow(backend, bucket, key, onlyIf))) return null
  throw error
}

/** Whether the condition holds at this moment, by a HEAD. */
async function holdsNow(
  backend: string,
  bucket: R2Bucket,
  key: string,
  onlyIf: PutCondition,
): Promise<boolean> {
  const found = await retryOnce(() => bucket.head(key))
  return conditionHolds(onlyIf, found && infoOf(found, backend))
}

function splitDigests(digests: Digests = {}): { native: Digests; others: Digests } {
  const chosen = NATIVE.find((name) => digests[name] !== undefined)
  const { [chosen ?? 'md5']: value, ...others } = digests
  return { native: chosen && value !== undefined ? { [chosen]: value } : {}, others }
}

export async function createR2Upload(
  backend: string,
  bucket: R2Bucket,
  { key, info = {} }: PutOptions & { key: string },
): Promise<MultipartUpload> {
  const created = await bucket.createMultipartUpload(key, r2Metadata(info)).catch((error: unknown) => {
    throw fromR2Error(error, backend)
  })
  return r2Upload(backend, bucket, { key, id: created.uploadId })
}

export function r2Upload(
  backend: string,
  bucket: R2Bucket,
  { key, id }: { key: string; id: string },
): MultipartUpload {
  const failed = (error: unknown) => Promise.reject(fromR2Error(error, backend))
  const upload = bucket.resumeMultipartUpload(key, id)

  const abort = async (): Promise<void> => {
    try {
      await upload.abort()
    } catch (error) {
      if (!isNoSuchUpload(error)) throw error
    }
  }
  const complete = async (
    parts: readonly UploadedPart[],
    onlyIf: PutCondition | undefined,
  ): Promise<ObjectInfo | null> => {
    // R2 completes unconditionally, so the check and the completion are two steps, and a write between them is lost.
    // That is why `withStaging` only uses this for objects that are too large for one put, and for uploads across requests.
    if (onlyIf && !(await holdsNow(backend, bucket, key, onlyIf))) {
      await abort()
      return null
    }
    const joined = await upload.complete(parts.map(({ number, tag }) => ({ partNumber: number, etag: tag })))
    return infoOf(joined, backend)
  }

  return {
    id,
    async uploadPart(number, body, size, digests, sending) {
      const send = (value: Body): Promise<R2UploadedPart> => upload.uploadPart(number, value)
      const { etag } = await sendBody(body, { size, digests, send, ...sending }).catch(failed)
      return { number, tag: etag, size }
    },
    complete: (parts, { onlyIf } = {}) => complete(parts, onlyIf).catch(failed),
    abort: () => abort().catch(failed),
  }
}
