import { StorageError } from '../storage/errors.ts'
import type { Digests } from '../storage/object.ts'
import { checkDigests, verifyingStream } from '../storage/digest.ts'
import { sendFixedLength } from './fixed-length.ts'
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
  const checked = Object.keys(digests).length === 0 ? exact : exact.pipeThrough(verifyingStream(digests))
  return sendFixedLength(checked, size, { send, signal: request.signal })
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
