import { refuseBody } from '../bodies/cancel.ts'
import { createChunkReader } from '../bodies/chunks.ts'
import { checkDigests, verifyingStream } from '../bodies/digest.ts'
import { sendFixedLength } from '../bodies/fixed-length.ts'
import { StorageError } from '../storage/errors.ts'
import type { Digests } from '../storage/object.ts'

export type Body = ReadableStream<Uint8Array> | Uint8Array

interface SendBodyOptions<Result> {
  /** Required for a stream. */
  size: number | undefined
  digests?: Digests | undefined
  signal?: AbortSignal | undefined
  /** Gets bytes, or a stream of known length. Resolves to `null` when the receiver refuses them: a condition does not hold. */
  send: (body: Body) => Promise<Result | null>
}

/** Sends a body; throws `corrupt`, and the receiver stores nothing, when its length or a digest is not the announced one. */
export async function sendBody<Result>(
  body: Body,
  { size, digests = {}, signal, send }: SendBodyOptions<Result>,
): Promise<Result | null> {
  // Of an empty stream nothing can be held back until its end: the receiver would store it at once.
  if (body instanceof Uint8Array || !size) {
    const bytes = await bytesOf(body, size)
    await checkDigests(bytes, digests)
    signal?.throwIfAborted()
    return send(bytes)
  }
  const checked = Object.keys(digests).length === 0 ? body : body.pipeThrough(verifyingStream(digests))
  return sendFixedLength(checked, size, { signal, send })
}

/** All bytes of a body; throws `corrupt` when they are not as many as announced. */
export async function bytesOf(body: Body, size: number | undefined): Promise<Uint8Array> {
  const bytes = body instanceof Uint8Array ? body : await readBytes(body, size)
  if (size !== undefined && bytes.length !== size)
    throw new StorageError('corrupt', `the body does not have the announced ${size} bytes`)
  return bytes
}

async function readBytes(body: ReadableStream<Uint8Array>, size: number | undefined): Promise<Uint8Array> {
  if (size === undefined) return refuseBody(body, new StorageError('invalid', 'a stream needs its size'))
  const chunks = createChunkReader(body, { size })
  // One byte more shows that the body is too long.
  const bytes = await chunks.next(size + 1)
  if (bytes.length > size) await chunks.cancel('the body is longer than announced')
  return bytes
}
