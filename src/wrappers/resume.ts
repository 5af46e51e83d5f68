import type { Backend } from '../storage/backend.ts'
import { failureOfBody, StorageError } from '../storage/errors.ts'
import type { StoredObject } from '../storage/object.ts'
import { cancelBody } from '../bodies/cancel.ts'
import { heldBody } from '../bodies/fixed-length.ts'
import { watchIdleTime } from '../bodies/idle-timeout.ts'
import { isolateMemory, type Reservation, UPLOAD_BYTES } from '../bodies/memory-budget.ts'
import { type ChunkSize, openChunks } from '../bodies/chunks.ts'

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
  return {
    ...backend,
    async get(name, getOptions) {
      const object = await backend.get(name, getOptions)
      if (!object) return null
      const { range, size } = object
      const length = range ? range.end - range.start + 1 : size
      const flow = {
        object,
        length,
        sources: [backend, ...options.others],
        ...options,
        signal: getOptions?.signal,
        received: 0,
        resumes: 0,
      }
      // If there is no memory for it, a small body is streamed as well.
      const memory =
        length !== undefined && length <= HELD_BYTES
          ? isolateMemory.tryReserve(length, { leave: UPLOAD_BYTES })
          : null
      return memory ? held(flow, memory) : resumed(flow)
    },
  }
}

/** Reads a small body before the response starts: that costs least, and if it fails, the call fails like any other. */
async function held(flow: Omit<Flow, 'write'>, memory: Reservation): Promise<StoredObject> {
  let bytes: Uint8Array = new Uint8Array()
  const write = (chunk: Uint8Array, offset: number): undefined => {
    if (chunk.length === memory.bytes) {
      // The only chunk, which is not reused: no copy is needed.
      bytes = chunk
      return
    }
    if (bytes.length === 0) bytes = new Uint8Array(memory.bytes)
    bytes.set(chunk, offset)
  }
  try {
    await pump({ ...flow, write, isWhole: isStrong(flow.object.etag) }, flow.object.body)
  } catch (error) {
    memory.release()
    throw error
  }
  return { ...flow.object, body: heldBody(bytes, memory) }
}

function resumed(flow: Omit<Flow, 'write'>): StoredObject {
  const { object, length } = flow
  const joint = length === undefined ? new IdentityTransformStream() : new FixedLengthStream(length)
  const writer = joint.writable.getWriter()
  // The reader of the other end sees every failure. If that reader is gone, the source is cancelled.
  pump({ ...flow, write: (chunk) => writer.write(chunk) }, object.body)
    .then(() => writer.close())
    .catch((error: unknown) => writer.abort(error))
  return { ...object, body: joint.readable }
}

interface Flow {
  object: StoredObject
  /** Backends to resume from, in order. */
  sources: readonly Backend[]
  idleTimeoutMs: number
  /** Of the read: if it is aborted, nothing is resumed. */
  signal: AbortSignal | undefined
  length: number | undefined
  /** Writes the next bytes, which are valid until it settles. */
  write(chunk: Uint8Array, offset: number): Promise<void> | undefined
  /** Read in one call, which costs least. If that fails, its bytes are lost, so it is only done if the body can be resumed. */
  isWhole?: boolean
  received: number
  resumes: number
}

/** Passes the body on, and resumes it as long as possible. */
async function pump(flow: Flow, first: ReadableStream<Uint8Array>): Promise<void> {
  let body = first
  for (;;) {
    const failure = await passOn(flow, body)
    if (!failure) return
    body = await resume(flow, failure)
  }
}

/** Passes one source's body on; returns why it is incomplete, or `null`. Throws if the reader is gone. */
async function passOn(flow: Flow, body: ReadableStream<Uint8Array>): Promise<StorageError | null> {
  const { length } = flow
  const { backend } = flow.object
  const chunks = openChunks(body, chunkSize(flow))
  const idle = watchIdleTime(
    flow.idleTimeoutMs,
    (message) => new StorageError('timeout', message, { backend }),
  )
  const failed = async (failure: StorageError): Promise<StorageError> => {
    await chunks.cancel(failure)
    return failure
  }
  try {
    for (;;) {
      let chunk: Uint8Array
      try {
        chunk = await idle.wait(chunks.next())
      } catch (error) {
        return await failed(failureOfBody(error, backend))
      }
      if (chunk.length === 0) break
      const offset = flow.received
      flow.received += chunk.length
      if (length !== undefined && flow.received > length)
        return await failed(wrongLength(flow, `more than the announced ${length} bytes came`))
      await flow.write(chunk, offset)
    }
  } catch (error) {
    await chunks.cancel(error)
    throw error
  } finally {
    idle.stop()
  }
  if (length === undefined || flow.received === length) return null
  return wrongLength(flow, `the body ended after ${flow.received} of ${length} bytes`)
}

function wrongLength({ object: { backend } }: Flow, message: string): StorageError {
  return new StorageError('corrupt', message, { backend })
}

/** The rest of the body from a backend that has the same object. Throws the first failure if none has. */
async function resume(flow: Flow, failure: StorageError): Promise<ReadableStream<Uint8Array>> {
  const { object, length, received } = flow
  const { name, etag, size } = object
  if (flow.signal?.aborted) throw failure
  if (!isStrong(etag) || length === undefined || received > length || ++flow.resumes > MAX_RESUMES)
    throw failure
  flow.isWhole = false
  const offset = (object.range?.start ?? 0) + received
  // An origin without ranges can still send the whole object again.
  const range = length - received === size ? undefined : { offset, length: length - received }
  for (const source of flow.sources) {
    if (source.accepts?.(name) === false) continue
    try {
      const rest = await source.get(name, { ...(range && { range }), ifMatch: etag })
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
function chunkSize({ length, received, isWhole = false }: Flow): ChunkSize {
  if (length === undefined) return { atLeast: 1, atMost: READ_BYTES }
  const expected = length - received
  // One more, to see its end.
  if (isWhole) return { atLeast: expected + 1, atMost: expected + 1 }
  const bytes = Math.max(READ_BYTES, Math.min(MAX_READ_BYTES, Math.ceil(expected / 256)))
  return { atLeast: 1, atMost: Math.max(1, Math.min(bytes, expected)) }
}

function isStrong(etag: string | undefined): etag is string {
  return etag !== undefined && !etag.startsWith('W/')
}
