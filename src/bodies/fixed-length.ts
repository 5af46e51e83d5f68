import type { PutOptions } from '../storage/backend.ts'
import { interruption, StorageError } from '../storage/errors.ts'
import { BACKGROUND_LEAVES_BYTES, isolateMemory, type Reservation, UNCOUNTED_BYTES } from './memory-budget.ts'
import { openChunks, type Chunks } from './chunks.ts'

/** A stream whose length the runtime knows, for Content-Length. Node has no such class. */
export function withKnownLength(
  body: ReadableStream<Uint8Array>,
  length: number,
): ReadableStream<Uint8Array> {
  return typeof FixedLengthStream === 'undefined' ? body : body.pipeThrough(new FixedLengthStream(length))
}

/** Bytes as a body whose length the runtime knows. */
export function bytesBody(bytes: Uint8Array): ReadableStream<Uint8Array> {
  const { body } = new Response(bytes)
  if (!body) throw new TypeError('a response with bytes has a body')
  return body
}

/** Bytes as a body of known length whose memory is released once they have been read, or immediately if they are few. */
export function heldBody(bytes: Uint8Array, memory: Reservation | null): ReadableStream<Uint8Array> {
  if (!memory || bytes.length <= UNCOUNTED_BYTES) {
    memory?.release()
    return bytesBody(bytes)
  }
  // The runtime's own stream: a JavaScript one costs each read from a fallback a few per cent.
  const { readable, writable } = new FixedLengthStream(bytes.length)
  const writer = writable.getWriter()
  void writer.write(bytes).then(memory.release, memory.release)
  // It fails together with the write if the reader is gone.
  void writer.close().catch(() => {})
  return readable
}

/** Large, since no client waits for the first byte here, and JavaScript runs once for each chunk. */
const CHUNK_BYTES = 256 * 1024
/** While many bodies are sent at once, their buffers must not fill the isolate. */
const SMALL_CHUNK_BYTES = 32 * 1024
/** One is filled while the receiver reads the other. */
const BUFFERS = 2

interface SendOptions<Result> extends Pick<PutOptions, 'signal' | 'timer'> {
  /** Resolves to `null` if the receiver refuses the bytes because a condition does not hold. */
  send: (stream: ReadableStream<Uint8Array>) => Promise<Result>
}

/**
 * Passes the body to `send` as a stream of known length, which R2 needs. Throws `corrupt` if it has another length,
 * and the body's own failure rather than the receiver's.
 */
export async function sendFixedLength<Result>(
  body: ReadableStream<Uint8Array>,
  size: number,
  { send, signal, timer }: SendOptions<Result>,
): Promise<Result> {
  const fixed = new FixedLengthStream(size)
  const writer = fixed.writable.getWriter()
  const memory =
    size > SMALL_CHUNK_BYTES
      ? isolateMemory.tryReserve(BUFFERS * Math.min(CHUNK_BYTES, size), { leave: BACKGROUND_LEAVES_BYTES })
      : null
  const chunkBytes = Math.max(1, Math.min(memory ? CHUNK_BYTES : SMALL_CHUNK_BYTES, size))
  const source = openChunks(body, { atLeast: chunkBytes, atMost: chunkBytes })
  let failure: unknown
  /** Cancels both ends at once, so that a stalled source does not block and the receiver stores nothing. */
  const stop = (reason: unknown): void => {
    failure ??= reason
    void Promise.allSettled([source.cancel(reason), writer.abort(reason)])
  }
  const abort = (): void => stop(signal?.reason)
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  try {
    const pumped = pump(source, writer, { size, timer }).catch(stop)
    const result = await send(fixed.readable)
    if (result === null) stop(new Error('the receiver refused the bytes'))
    const unread = await pumped
    if (result !== null && (failure ?? unread) !== undefined) throw failure ?? unread
    return result
  } catch (error) {
    const cause = failure ?? error
    stop(error)
    throw cause
  } finally {
    memory?.release()
    signal?.removeEventListener('abort', abort)
  }
}

/**
 * Copies every byte; resolves to the reason if the receiver did not accept them all. The receiver considers the object
 * complete at the last announced byte, so the last chunk is held back until the source has ended. A pipe would not do:
 * it checks its signal only between two chunks, and workerd has none from one FixedLengthStream to another.
 */
async function pump(
  source: Chunks,
  writer: WritableStreamDefaultWriter,
  { size, timer }: { size: number } & Pick<PutOptions, 'timer'>,
): Promise<unknown> {
  let length = 0
  let last: Uint8Array | undefined
  for (;;) {
    timer?.pause()
    const chunk = await source.next().catch((error: unknown) => {
      throw interruption(error)
    })
    timer?.start()
    length += chunk.length
    if (length > size || (chunk.length === 0 && length < size)) throw wrongLength(size)
    const ended = chunk.length === 0
    const refusal = await refusalOf(ended ? finish(writer, last) : length < size && writer.write(chunk))
    if (ended || refusal !== undefined) return refusal
    if (length === size) last = chunk
  }
}

async function finish(writer: WritableStreamDefaultWriter, last: Uint8Array | undefined): Promise<void> {
  if (last) await writer.write(last)
  await writer.close()
}

/** Why the receiver accepts no more bytes; its own result is more specific, so this is not a failure. */
async function refusalOf(written: Promise<void> | false): Promise<unknown> {
  try {
    await written
  } catch (error) {
    return error
  }
  return undefined
}

function wrongLength(size: number): StorageError {
  return new StorageError('corrupt', `the body does not have the announced ${size} bytes`)
}
