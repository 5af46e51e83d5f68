import { StorageError, toStorageError } from '../storage/errors.ts'
import type { Digests } from '../storage/object.ts'
import { checkDigests, verifyingStream } from '../storage/digest.ts'
import { readFailure, type S3Failure } from './s3-errors.ts'
import type { S3Client, S3Request } from './s3-request.ts'

export interface S3Upload {
  body: ReadableStream<Uint8Array> | Uint8Array
  /** Required for a stream. */
  size?: number | undefined
  /** What the server does not check. */
  digests?: Digests
}

/** Either side is there; a failure is read to its end. */
export interface S3Answer {
  response?: Response
  failure?: S3Failure
}

/** Sends a request with a body of known length; throws `corrupt` when its bytes are not what was announced. */
export async function sendBody(
  client: S3Client,
  request: S3Request & { key: string },
  { body, size, digests = {} }: S3Upload,
): Promise<S3Answer> {
  const fail = (error: unknown): never => {
    throw toStorageError(error, client.name, request.key)
  }
  const send = async (source: S3Request['body'] & {}): Promise<S3Answer> => {
    const response = await client.send({ ...request, body: source })
    return response.ok ? { response } : { failure: await readFailure(response, client.name) }
  }
  if (body instanceof Uint8Array) {
    if (size !== undefined && size !== body.length) throw wrongLength(size)
    await checkDigests(body, digests)
    return send(body)
  }
  if (size === undefined) {
    await body.cancel()
    throw new StorageError('invalid', 'a stream needs its size', { backend: client.name, name: request.key })
  }
  const exact = body.pipeThrough(exactLength(size))
  // Of an empty request nothing can be held back: it is whole as soon as it is sent.
  if (size === 0) return sendBody(client, request, { body: await readAll(exact).catch(fail), digests })
  const checked = Object.keys(digests).length === 0 ? exact : exact.pipeThrough(verifyingStream(digests))
  return pipeTo(checked, size, send).catch(fail)
}

/** fetch() announces the length of a FixedLengthStream only; all others go out chunked, which S3 refuses. */
async function pipeTo(
  source: ReadableStream<Uint8Array>,
  size: number,
  send: (body: ReadableStream<Uint8Array>) => Promise<S3Answer>,
): Promise<S3Answer> {
  const fixed = new FixedLengthStream(size)
  const stop = new AbortController()
  let broken: unknown
  const piped = source.pipeTo(fixed.writable, { signal: stop.signal }).catch((error: unknown) => {
    broken = error
  })
  const stopped = async (): Promise<unknown> => {
    stop.abort(stop)
    await piped
    return broken === stop ? undefined : broken
  }
  try {
    const answer = await send(fixed.readable)
    // An answer can come before the last byte is sent, above all a refusal: the rest is not wanted.
    await stopped()
    return answer
  } catch (error) {
    // What the source broke off with says more than the lost connection that it came to.
    throw (await stopped()) ?? error
  }
}

function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  return new Response(stream).arrayBuffer().then((buffer) => new Uint8Array(buffer))
}

/**
 * Fails where a body is not `size` bytes long. The last chunk waits for the end, since a server that has
 * all announced bytes stores them; and a short request looks like a lost connection, whatever broke it.
 */
function exactLength(size: number): TransformStream<Uint8Array, Uint8Array> {
  let length = 0
  let held: Uint8Array | undefined
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      length += chunk.length
      if (length > size) throw wrongLength(size)
      if (held) controller.enqueue(held)
      held = chunk
    },
    flush(controller) {
      if (length !== size) throw wrongLength(size)
      if (held) controller.enqueue(held)
    },
  })
}

function wrongLength(size: number): StorageError {
  return new StorageError('corrupt', `the body does not have the announced ${size} bytes`)
}
