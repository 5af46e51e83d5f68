import type { Backend } from '../storage/backend.ts'
import { failureOfBody, StorageError } from '../storage/errors.ts'
import { bodyLength, type StoredObject } from '../storage/object.ts'
import { isKnown } from '../storage/same-object.ts'
import { cancelBody, cancelReader, refuseBody } from '../bodies/cancel.ts'
import { heldBody } from '../bodies/fixed-length.ts'
import { type IdleWatch, watchIdleTime } from '../bodies/idle-timeout.ts'
import { isolateMemory, type Reservation, UNCOUNTED_BYTES, UPLOAD_BYTES } from '../bodies/memory-budget.ts'
import { lastDropped } from '../bodies/slice.ts'
import { type Chunks, type ChunkSize, openChunks, streamOfChunks, wholeReader } from '../bodies/chunks.ts'

export interface ResumeOptions {
  /** Longest wait for the next bytes of a body, in milliseconds. */
  idleTimeoutMs: number
  /** The backends behind this one, which may hold the same object. */
  others: readonly Backend[]
}

/** How often one body is resumed; a source that fails more often is useless. */
const MAX_RESUMES = 5
const READ_BYTES = 64 * 1024
/** Bodies up to this size are read before the answer begins. */
const HELD_BYTES = 128 * 1024
const MAX_READ_BYTES = 256 * 1024

/**
 * Resumes bodies that stall or are interrupted where they stopped: from the same backend first, then from others with the same
 * ETag and size. If that is impossible, `get` fails for a small body, and the reader of a large one gets an error, never a
 * short body.
 */
export function withResume(backend: Backend, options: ResumeOptions): Backend {
  const sources = [backend, ...options.others]
  return {
    ...backend,
    async get(name, getOptions) {
      const object = await backend.get(name, getOptions)
      if (!object || isKnown(object, getOptions)) return object
      const length = bodyLength(object)
      const { idleTimeoutMs } = options
      const signal = getOptions?.signal
      const flow: Flow = { object, length, sources, idleTimeoutMs, signal, received: 0, resumes: 0 }
      if (length === undefined || length > HELD_BYTES) return streamed(flow)
      if (length <= UNCOUNTED_BYTES) return held(flow, length, null)
      const memory = isolateMemory.tryReserve(length, { leave: UPLOAD_BYTES })
      // If there is no memory for it, a small body is streamed as well.
      return memory ? held(flow, length, memory) : streamed(flow)
    },
  }
}

function streamed(flow: Flow): StoredObject {
  return { ...flow.object, body: streamOfChunks(resumedChunks(flow), flow.length) }
}

/** Reads a small body before the response starts: that costs least, and if it fails, the call fails like any other. */
async function held(flow: Flow, length: number, memory: Reservation | null): Promise<StoredObject> {
  try {
    return { ...flow.object, body: heldBody(await readSmall(flow, length), memory) }
  } catch (error) {
    memory?.release()
    throw error
  }
}

async function readSmall(flow: Flow, length: number): Promise<Uint8Array> {
  const { object } = flow
  // If reading at once fails, the bytes are lost, so the object must be known to be the same when it is requested again.
  const reader = isStrong(object.etag) ? wholeReader(object.body) : undefined
  if (!reader) return join(resumedChunks(flow), length)
  try {
    return await readAtOnce(reader, flow, length)
  } catch (error) {
    const failure = failureOfBody(error, object.backend)
    await cancelReader(reader, failure)
    // What was read is lost, so it begins again, unless it was too long.
    if (flow.received < length) flow.received = 0
    const body = await resume(flow, failure)
    return join(resumedChunks({ ...flow, object: { ...object, body } }), length)
  }
}

async function readAtOnce(reader: ReadableStreamBYOBReader, flow: Flow, length: number): Promise<Uint8Array> {
  const idle = watchFlow(flow)
  try {
    // One more, to see its end.
    const reading = reader.readAtLeast(length + 1, new Uint8Array(length + 1))
    const { value = new Uint8Array() } = await idle.wait(reading)
    flow.received = value.length
    checkLength(flow, true)
    // It would be kept open until it is read once more.
    void cancelReader(reader)
    return value
  } finally {
    idle.stop()
  }
}

function watchFlow(flow: Flow): IdleWatch {
  const { backend } = flow.object
  return watchIdleTime(
    flow.idleTimeoutMs,
    (message) => new StorageError('timeout', message, { backend }),
    () => lastDropped(flow.object.body),
  )
}

async function join(chunks: Chunks, length: number): Promise<Uint8Array> {
  try {
    const bytes = new Uint8Array(length)
    let offset = 0
    for (let chunk = await chunks.next(); chunk.length > 0; chunk = await chunks.next()) {
      bytes.set(chunk, offset)
      offset += chunk.length
    }
    return bytes
  } catch (error) {
    await chunks.cancel(error)
    throw error
  }
}

interface Flow {
  object: StoredObject
  /** Backends to resume from, in order. */
  sources: readonly Backend[]
  idleTimeoutMs: number
  /** Of the read: if it is aborted, nothing is resumed. */
  signal: AbortSignal | undefined
  length: number | undefined
  received: number
  resumes: number
}

/** The chunks of the body, which is resumed as long as possible. */
function resumedChunks(flow: Flow): Chunks {
  const { backend, body } = flow.object
  let chunks = openChunks(body, chunkSize(flow))
  let isCancelled = false
  const idle = watchFlow(flow)
  const read = async (): Promise<Uint8Array> => {
    const chunk = await idle.wait(chunks.next())
    flow.received += chunk.length
    checkLength(flow, chunk.length === 0)
    return chunk
  }
  const continueAfter = async (failure: StorageError): Promise<void> => {
    await chunks.cancel(failure)
    if (isCancelled) throw failure
    const rest = await resume(flow, failure)
    if (isCancelled) return refuseBody(rest, failure)
    flow.object = { ...flow.object, body: rest }
    chunks = openChunks(rest, chunkSize(flow))
  }
  return {
    async next() {
      for (;;) {
        try {
          const chunk = await read()
          if (chunk.length === 0) idle.stop()
          return chunk
        } catch (error) {
          await continueAfter(failureOfBody(error, backend))
        }
      }
    },
    cancel(reason) {
      isCancelled = true
      idle.stop()
      return chunks.cancel(reason)
    },
  }
}

/** Throws `corrupt` if the bytes that were received, or all of them if it has ended, are not as many as announced. */
function checkLength({ object: { backend }, length, received }: Flow, hasEnded: boolean): void {
  if (length === undefined) return
  if (received > length)
    throw new StorageError('corrupt', `more than the announced ${length} bytes came`, { backend })
  if (hasEnded && received < length)
    throw new StorageError('corrupt', `the body ended after ${received} of ${length} bytes`, { backend })
}

/** The rest of the body from a backend that has the same object. Throws the first failure if none has. */
async function resume(flow: Flow, failure: StorageError): Promise<ReadableStream<Uint8Array>> {
  const { object, length, received } = flow
  const { name, etag, size } = object
  if (flow.signal?.aborted) throw failure
  if (!isStrong(etag) || length === undefined || received > length || ++flow.resumes > MAX_RESUMES)
    throw failure
  const offset = (object.range?.start ?? 0) + received
  // An origin without ranges can still send the whole object again.
  const range = length - received === size ? undefined : { offset, length: length - received }
  for (const source of flow.sources) {
    if (source.accepts?.(name) === false) continue
    try {
      const rest = await source.get(name, { range, ifMatch: etag })
      if (rest?.etag === etag && rest.size === size && rest.range?.start === range?.offset) {
        // If this one fails too, the others are tried first.
        flow.sources = [...flow.sources.filter((other) => other !== source), source]
        return rest.body
      }
      await cancelBody(rest?.body)
    } catch (error) {
      // The next source is tried. If none has the object, the first failure is thrown, with this one as its cause.
      failure = new StorageError(failure.code, failure.message, { backend: object.backend, cause: error })
    }
  }
  throw failure
}

/** Each chunk leaves garbage, so long bodies are read in larger chunks; rarely are many of them read at once. */
function chunkSize({ length, received }: Flow): ChunkSize {
  if (length === undefined) return { atLeast: 1, atMost: READ_BYTES }
  const expected = length - received
  const bytes = Math.max(READ_BYTES, Math.min(MAX_READ_BYTES, Math.ceil(expected / 256)))
  return { atLeast: 1, atMost: Math.max(1, Math.min(bytes, expected)) }
}

function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && !etag.startsWith('W/')
}
