import { checkDigests, verifyingStream } from '../../bodies/digest.ts'
import { interruption, StorageError } from '../../storage/errors.ts'
import type { Digests } from '../../storage/object.ts'
import { sendFixedLength } from '../../bodies/fixed-length.ts'
import { readFailure, type S3Failure } from './errors.ts'
import type { S3Client, S3Request } from './request.ts'

export interface S3Upload {
  body: ReadableStream<Uint8Array> | Uint8Array
  /** Required for a stream. */
  size?: number | undefined
  /** What the server does not check. */
  digests?: Digests
}

/** A failure is read to its end; a response is a success. */
export type S3Answer = { response: Response; failure?: never } | { response?: never; failure: S3Failure }

/** Sends a request with a body of known length; throws `corrupt` when its bytes are not what was announced. */
export async function sendBody(
  client: S3Client,
  request: S3Request & { key: string },
  { body, size, digests = {} }: S3Upload,
): Promise<S3Answer> {
  const send = async (source: ReadableStream<Uint8Array> | Uint8Array): Promise<S3Answer> => {
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
  if (size > 0) return sendStream(verified(body, digests), size, { send, signal: request.signal })
  // Of an empty request nothing can be held back: it is whole as soon as it is sent.
  if (!(await isEmpty(body))) throw wrongLength(size)
  return sendBody(client, request, { body: new Uint8Array(0), digests })
}

/** fetch() announces the length of a FixedLengthStream only; others go out chunked, which S3 refuses. */
async function sendStream(
  body: ReadableStream<Uint8Array>,
  size: number,
  options: {
    send: (stream: ReadableStream<Uint8Array>) => Promise<S3Answer>
    signal: AbortSignal | undefined
  },
): Promise<S3Answer> {
  let refusal: S3Answer | undefined
  const answer = await sendFixedLength(body, size, {
    signal: options.signal,
    async send(stream) {
      const sent = await options.send(stream)
      if (sent.response) return sent
      // A refusal can come before the last byte is sent, and the rest is not wanted.
      refusal = sent
      return null
    },
  })
  const outcome = answer ?? refusal
  if (!outcome) throw new TypeError('a request without a response was refused')
  return outcome
}

function verified(body: ReadableStream<Uint8Array>, digests: Digests): ReadableStream<Uint8Array> {
  return Object.keys(digests).length === 0 ? body : body.pipeThrough(verifyingStream(digests))
}

async function isEmpty(body: ReadableStream<Uint8Array>): Promise<boolean> {
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw interruption(error)
    })
    if (done) return true
    if (value.length === 0) continue
    await reader.cancel()
    return false
  }
}

function wrongLength(size: number): StorageError {
  return new StorageError('corrupt', `the body does not have the announced ${size} bytes`)
}
