import { StorageError } from '../storage/errors.ts'

interface SendOptions<Result> {
  /** Resolves to `null` when the receiver refuses the bytes: a condition does not hold. */
  send: (stream: ReadableStream<Uint8Array>) => Promise<Result | null>
  signal?: AbortSignal | undefined
}

/**
 * Gives `send` the body as a stream of known length, which R2 and KV need. Throws `corrupt` when it has another
 * length, and what the body itself failed with rather than what the receiver made of it.
 */
export async function sendFixedLength<Result>(
  body: ReadableStream<Uint8Array>,
  size: number,
  { send, signal }: SendOptions<Result>,
): Promise<Result | null> {
  const fixed = new FixedLengthStream(size)
  const stop = new AbortController()
  const source = isNative(body) ? body : body.pipeThrough(exactLength(size))
  let failure: unknown
  const piped = source
    .pipeTo(fixed.writable, { signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal })
    .catch((error: unknown) => {
      failure = error
    })
  const stopPipe = async (): Promise<void> => {
    stop.abort(stop)
    await piped
  }
  try {
    const result = await send(fixed.readable)
    if (result === null) await stopPipe()
    else await piped
    if (result !== null && failure !== undefined) throw failure
    return result
  } catch (error) {
    await stopPipe()
    // The pipe's own failure comes first: the receiver may only know that it got no more bytes.
    const cause = failure === undefined || failure === stop ? error : failure
    throw isLengthError(cause) ? wrongLength(size, cause) : cause
  }
}

/**
 * A stream made by JavaScript may say more than announced after its last announced byte, when R2 has already
 * taken the object for whole: so that byte is held back until the end. Costs JavaScript per chunk.
 */
function exactLength(size: number): TransformStream<Uint8Array, Uint8Array> {
  let length = 0
  let last: Uint8Array | undefined
  return new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      if (chunk.length === 0) return
      length += chunk.length
      if (length > size) throw wrongLength(size)
      if (length === size) last = chunk
      else controller.enqueue(chunk)
    },
    flush(controller) {
      if (length < size) throw wrongLength(size)
      if (last) controller.enqueue(last)
    },
  })
}

/** The runtime's own streams are byte streams; their length is held to by HTTP, and they can be piped natively. */
function isNative(body: ReadableStream<Uint8Array>): boolean {
  try {
    body.getReader({ mode: 'byob' }).releaseLock()
    return true
  } catch {
    return false
  }
}

function isLengthError(error: unknown): boolean {
  return error instanceof TypeError && error.message.includes('FixedLengthStream')
}

function wrongLength(size: number, cause?: unknown): StorageError {
  return new StorageError('corrupt', `the body does not have the announced ${size} bytes`, { cause })
}
