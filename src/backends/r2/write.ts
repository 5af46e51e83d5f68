import { cancelBody } from '../../bodies/cancel.ts'
import { checkDigests, verifyingStream } from '../../bodies/digest.ts'
import { sendFixedLength } from '../../bodies/fixed-length.ts'
import type { MultipartUpload, PutCondition, PutOptions } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Digests } from '../../storage/object.ts'
import { writeAgain } from '../call.ts'
import { fromR2Error, isNoSuchUpload, isTooManyWrites, retryOnce } from './binding.ts'
import { infoOf, r2Metadata } from './info.ts'

interface R2Put<Body> {
  body: Body
  size: number | undefined
  digests: Digests | undefined
  signal: AbortSignal | undefined
  r2Options: R2PutOptions
}

/** R2 checks one digest itself, without a byte passing through JavaScript. */
const NATIVE = ['sha256', 'sha1', 'md5', 'sha512'] as const

export async function putBytes(
  bucket: R2Bucket,
  key: string,
  options: R2Put<Uint8Array>,
): Promise<R2Object | null> {
  const { body, size, digests, signal, r2Options } = options
  if (size !== undefined && size !== body.length)
    throw new StorageError('corrupt', `${body.length} bytes came instead of ${size}`)
  const { native, others } = splitDigests(digests)
  if (others) await checkDigests(body, others)
  signal?.throwIfAborted()
  return writeAgain(() => bucket.put(key, body, { ...r2Options, ...native }), isTooManyWrites, signal)
}

/** What was sent of a stream is gone, so only its sender can repeat a write that came too soon. */
export async function putStream(
  bucket: R2Bucket,
  key: string,
  options: R2Put<ReadableStream<Uint8Array>>,
): Promise<R2Object | null> {
  const { body, size, digests, signal, r2Options } = options
  if (size === undefined) {
    await cancelBody(body)
    throw new StorageError('invalid', 'a stream needs its size')
  }
  const { native, others } = splitDigests(digests)
  return sendFixedLength(others ? body.pipeThrough(verifyingStream(others)) : body, size, {
    signal,
    send: (stream) => bucket.put(key, stream, { ...r2Options, ...native }),
  })
}

function splitDigests(digests: Digests = {}): { native: Digests; others: Digests | undefined } {
  const chosen = NATIVE.find((name) => digests[name] !== undefined)
  const { [chosen ?? 'md5']: value, ...others } = digests
  return {
    native: chosen && value !== undefined ? { [chosen]: value } : {},
    others: Object.keys(others).length > 0 ? others : undefined,
  }
}

export async function r2Multipart(
  backend: string,
  bucket: R2Bucket,
  { key, info = {}, onlyIf }: PutOptions & { key: string },
): Promise<MultipartUpload> {
  const failed = (error: unknown) => Promise.reject(fromR2Error(error, backend, key))
  const { httpMetadata, customMetadata = {} } = r2Metadata(info)
  const upload = await bucket.createMultipartUpload(key, { httpMetadata, customMetadata }).catch(failed)
  const parts = new Map<number, R2UploadedPart>()

  /**
   * R2 completes unconditionally, so the check and the completion are two steps, and a write between them is lost.
   * Hence `withStaging`, which leaves only what is too large for one put to this.
   */
  const holds = async (condition: PutCondition) => {
    const found = await retryOnce(() => bucket.head(key))
    return condition === 'absent' ? found === null : found?.etag === condition.version
  }

  return {
    id: upload.uploadId,
    async uploadPart(number, body, size) {
      const send = (value: ReadableStream | Uint8Array) => upload.uploadPart(number, value)
      const sent = body instanceof Uint8Array ? send(body) : sendFixedLength(body, size, { send })
      const part = await sent.catch(failed)
      if (part) parts.set(number, part)
    },
    async complete() {
      if (onlyIf && !(await holds(onlyIf).catch(failed))) {
        await upload.abort().catch(failed)
        return null
      }
      const ordered = [...parts.values()].toSorted((a, b) => a.partNumber - b.partNumber)
      return infoOf(await upload.complete(ordered).catch(failed), backend)
    },
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
