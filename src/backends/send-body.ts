import { refuseBody } from '../bodies/cancel.ts'
import { createChunkReader } from '../bodies/chunks.ts'
import { checkDigests, verifyingStream } from '../bodies/digest.ts'
import { sendFixedLength } from '../bodies/fixed-length.ts'
import type { PutOptions } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { Digests } from '../storage/object.ts'

export type Body = ReadableStream<Uint8Array> | Uint8Array

interface SendBodyOptions<Result> extends Pick<PutOptions, 'signal' | 'timer'> {
  /** Required for a stream. */
  size: number | undefined
  digests?: Digests | undefined
  /** Receives bytes, or a stream of known length. Resolves to `null` if a condition does not hold and nothing was stored. */
  send: (body: Body) => Promise<Result>
}

/** Sends a body. If its length or a digest is not the announced one, throws `corrupt`, and the receiver stores nothing. */
export async function sendBody<Result>(
  body: Body,
  { size, digests = {}, send, ...limits }: SendBodyOptions<Result>,
): Promise<Result> {
  // An empty stream has no last byte to hold back until it has ended, so the receiver would store it at once.
  if (body instanceof Uint8Array || !size) {
    const bytes = await bytesOf(body, size, limits.timer)
    await checkDigests(bytes, digests)
    limits.signal?.throwIfAborted()
    return send(bytes)
  }
  const checked = Object.keys(digests).length === 0 ? body : body.pipeThrough(verifyingStream(digests))
  return sendFixedLength(checked, size, { ...limits, send })
}

/** All bytes of a body. Throws `corrupt` if there are more or fewer than announced. */
export async function bytesOf(
  body: Body,
  size: number | undefined,
  timer?: PutOptions['timer'],
): Promise<Uint8Array> {
  timer?.pause()
  const bytes = body instanceof Uint8Array ? body : await readBytes(body, size)
  timer?.start()
  if (size !== undefined && bytes.length !== size)
    throw new StorageError('corrupt', `the body does not have the announced ${size} bytes`)
  return bytes
}

async function readBytes(body: ReadableStream<Uint8Array>, size: number | undefined): Promise<Uint8Array> {
  if (size === undefined) return refuseBody(body, new StorageError('invalid', 'a stream needs its size'))
  const chunks = createChunkReader(body, { size })
  // One more byte shows that the body is too long.
  const bytes = await chunks.next(size + 1)
  if (bytes.length > size) await chunks.cancel('the body is longer than announced')
  return bytes
}
