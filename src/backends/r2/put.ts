import { checkDigests, verifyingStream } from '../../bodies/digest.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Digests } from '../../storage/object.ts'
import { sendFixedLength } from '../../bodies/fixed-length.ts'
import { writeAgain } from '../retry-write.ts'
import { isTooManyWrites } from './errors.ts'

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
    await body.cancel()
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
