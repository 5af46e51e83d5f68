import { alternativeName, type FreeName, freeName } from './names.ts'
import type { PutOptions, WritableBackend } from '../storage/backend.ts'
import { cancelBody } from '../bodies/cancel.ts'
import { StorageError } from '../storage/errors.ts'
import { type Chain, firstToSucceed } from '../chain/fallback.ts'
import { before, writersFor } from '../chain/placement.ts'
import { SHARED_LEAVES_BYTES, isolateMemory, type Reservation } from '../bodies/memory-budget.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { createChunkReader, type ChunkReader } from '../bodies/chunks.ts'
import { growFor, reserveFor, upload, uploadMemory, wholeWithin } from './upload.ts'

export interface SaveOptions extends Omit<PutOptions, 'onlyIf'> {
  /** Longer bodies throw `too-large`. */
  maxBytes?: number
  /** Bytes of a part, and the most that are held in memory for another try. Default: 8 MiB. */
  partBytes?: number
}

type Body = ReadableStream<Uint8Array> | Uint8Array

/** Bodies up to this size are held in memory where there is room, so that a lost race or a failed backend costs only another try. */
const REPLAYABLE_BYTES = 8 * 1024 * 1024
const CHUNK_BYTES = 64 * 1024
const MAX_TRIES = 5

/** Django's `get_available_name`, in the backend that a save would go to. */
export async function availableName(chain: Chain, name: string): Promise<string> {
  const [target] = writersFor(chain, name)
  return (await freeName(target, name, before(chain, target))).name
}

/**
 * Stores the body under the first free name and never replaces anything. Goes to the first writable backend,
 * and on to the next one only when that fails. The body is read to its end or cancelled. Throws `overloaded`, before
 * a byte is stored, when there is no memory for a body of unknown length.
 */
export async function save(
  chain: Chain,
  name: string,
  body: Body,
  options: SaveOptions = {},
): Promise<ObjectInfo> {
  let source = body
  let memory: Reservation | null = null
  try {
    const candidates = writersFor(chain, name, sizeOf(body, options))
    if (!(body instanceof Uint8Array)) {
      const needed = uploadMemory(candidates[0], options.size, options.partBytes)
      memory = await setAside(needed, options)
      if (memory) source = await replayable(body, { ...options, memory, needed })
    }
    const uploadOptions = { ...options, ...(memory && { memory }) }
    return await saveToFirst(chain, candidates, { name, source, options: uploadOptions, begun: false })
  } catch (error) {
    await cancelBody(source, error)
    throw error
  } finally {
    memory?.release()
  }
}

/**
 * Memory to store the body with; where it needs none, to give it to another backend, if there is room that no upload needs. A body
 * of unknown length gets more when it turns out to be large.
 */
async function setAside(
  needed: number,
  { size, signal, partBytes }: SaveOptions,
): Promise<Reservation | null> {
  if (needed > 0)
    return reserveFor(needed, { ...(size !== undefined && { size }), ...(signal && { signal }) })
  return size !== undefined && size <= (partBytes ?? REPLAYABLE_BYTES)
    ? isolateMemory.tryReserve(size, { leave: SHARED_LEAVES_BYTES })
    : null
}

interface Saving {
  name: string
  source: Body
  options: SaveOptions & { memory?: Reservation }
  /** Whether a backend was given the body: a stream then cannot be given to another. */
  begun: boolean
}

async function saveToFirst(
  chain: Chain,
  candidates: readonly WritableBackend[],
  saving: Saving,
): Promise<ObjectInfo> {
  const { name, source } = saving
  return firstToSucceed(
    candidates,
    name,
    (backend, failures) => {
      // A backend that failed may hold the plain name, and would hide from then on what another keeps under it.
      const pick = (): FreeName | Promise<FreeName> =>
        failures.length > 0
          ? { name: alternativeName(backend, name), onlyIf: 'absent' }
          : freeName(backend, name, before(chain, backend))
      return saveTo(backend, pick, saving)
    },
    () => saving.begun && !(source instanceof Uint8Array),
  )
}

async function saveTo(
  backend: WritableBackend,
  pick: () => FreeName | Promise<FreeName>,
  saving: Saving,
): Promise<ObjectInfo> {
  const { name, source, options } = saving
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const free = await pick()
    saving.begun = true
    const stored = await upload(backend, free.name, source, { ...options, onlyIf: free.onlyIf })
    if (stored) return { ...stored, name: free.name }
    if (!(source instanceof Uint8Array)) {
      const why = 'another save took the name meanwhile: send the body again'
      throw new StorageError('precondition', why, { backend: backend.name, name })
    }
  }
  const why = 'other saves took every name that was tried'
  throw new StorageError('unavailable', why, { backend: backend.name, name })
}

/** The body's length where it is known before it is read. */
export function sizeOf(body: Body, options: SaveOptions): number | undefined {
  return body instanceof Uint8Array ? body.length : options.size
}

/** The body as bytes when it is small, else as it came. */
async function replayable(
  body: ReadableStream<Uint8Array>,
  options: Pick<SaveOptions, 'size' | 'partBytes'> & { memory: Reservation; needed: number },
): Promise<Body> {
  const { size, partBytes: most = REPLAYABLE_BYTES, memory, needed } = options
  if ((size ?? 0) > most) return body
  const parts = createChunkReader(body, { size, memory })
  if (size === undefined) await growOrCancel(parts, memory, needed)
  // One more than a whole body of that length, to see that nothing follows.
  const bytes = size === undefined ? most : size + 1
  const whole = await wholeWithin(parts, bytes)
  if (size === undefined) return whole ?? restOf(parts, most)
  if (whole?.length === size) return whole
  const failure = new StorageError(
    'corrupt',
    `the body has ${whole?.length ?? 'more'} bytes where ${size} were announced`,
  )
  await parts.cancel(failure)
  throw failure
}

async function growOrCancel(parts: ChunkReader, memory: Reservation, needed: number): Promise<void> {
  try {
    await growFor(parts, memory, needed)
  } catch (error) {
    await parts.cancel(error)
    throw error
  }
}

/** The stream again, whose beginning is still in memory: it goes on as one piece, so that it need not be copied. */
function restOf(parts: ChunkReader, held: number): ReadableStream<Uint8Array> {
  let bytes = held
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const part = await parts.next(bytes)
      bytes = CHUNK_BYTES
      if (part.length === 0) controller.close()
      else controller.enqueue(part)
    },
    cancel: (reason) => parts.cancel(reason),
  })
}
