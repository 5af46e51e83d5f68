import {
  type MultipartUpload,
  type PutCondition,
  type PutOptions,
  conditionHolds,
} from '../../storage/backend.ts'
import type { Digests, ObjectInfo } from '../../storage/object.ts'
import { type Body, sendBody } from '../send-body.ts'
import { writeAgain } from '../write-again.ts'
import { fromR2Error, isLocked, isNoSuchUpload, isTooManyWrites, retryOnce } from './errors.ts'
import { infoOf, r2Condition, r2Metadata } from './info.ts'

/** R2 checks one digest itself, without a byte passing through JavaScript. */
const NATIVE = ['sha256', 'sha1', 'md5', 'sha512'] as const

export async function putR2(
  backend: string,
  bucket: R2Bucket,
  { key, body, info = {}, onlyIf, size, digests, signal }: PutOptions & { key: string; body: Body },
): Promise<ObjectInfo | null> {
  const { native, others } = splitDigests(digests)
  const options = { ...r2Metadata(info), ...native, ...(onlyIf && { onlyIf: r2Condition(onlyIf) }) }
  const stored = await sendBody(body, {
    size,
    digests: others,
    signal,
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

export async function r2Multipart(
  backend: string,
  bucket: R2Bucket,
  { key, info = {}, onlyIf }: PutOptions & { key: string },
): Promise<MultipartUpload> {
  const failed = (error: unknown) => Promise.reject(fromR2Error(error, backend))
  const upload = await bucket.createMultipartUpload(key, r2Metadata(info)).catch(failed)
  const parts = new Map<number, R2UploadedPart>()

  const complete = async (): Promise<ObjectInfo | null> => {
    // R2 completes unconditionally, so the check and the completion are two steps, and a write between them is lost.
    // That is why `withStaging` only uses this for objects that are too large for one put.
    if (onlyIf && !(await holdsNow(backend, bucket, key, onlyIf))) {
      await upload.abort()
      return null
    }
    const ordered = [...parts.values()].toSorted((a, b) => a.partNumber - b.partNumber)
    return infoOf(await upload.complete(ordered), backend)
  }

  return {
    id: upload.uploadId,
    async uploadPart(number, body, size) {
      const send = (value: Body): Promise<R2UploadedPart> => upload.uploadPart(number, value)
      const part = await sendBody(body, { size, send }).catch(failed)
      if (part) parts.set(number, part)
    },
    complete: () => complete().catch(failed),
    abort: () => upload.abort().catch(failed),
  }
}

export async function abortR2Multipart(bucket: R2Bucket, key: string, id: string): Promise<void> {
  try {
    await bucket.resumeMultipartUpload(key, id).abort()
  } catch (error) {
    if (!isNoSuchUpload(error)) throw error
  }
}
