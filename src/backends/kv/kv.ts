import {
  type Backend,
  type GetOptions,
  type ListOptions,
  type ListPage,
  type PutOptions,
  conditionHolds,
} from '../../storage/backend.ts'
import { cancelBody, refuseBody } from '../../bodies/cancel.ts'
import { checkDigests } from '../../bodies/digest.ts'
import { failureOfBody, StorageError } from '../../storage/errors.ts'
import { nameBytes } from '../../storage/name.ts'
import type { ObjectInfo, StoredObject } from '../../storage/object.ts'
import { heldBody, withKnownLength } from '../../bodies/fixed-length.ts'
import { isolateMemory, type Reservation, UPLOAD_BYTES } from '../../bodies/memory-budget.ts'
import { createChunkReader } from '../../bodies/chunks.ts'
import { changed, cutPart } from '../ranges.ts'
import { type Body, bytesOf } from '../send-body.ts'
import { writeAgain } from '../../storage/write-again.ts'
import { fromKvError, isTooManyWrites } from './errors.ts'
import {
  contentDigest,
  fromKvMetadata,
  infoOfRecord,
  newRecord,
  tagOfDigest,
  toKvMetadata,
} from './record.ts'
import { rollUp } from '../../storage/roll-up.ts'

// developers.cloudflare.com/kv/platform/limits
const MAX_KEY_BYTES = 512
const MAX_VALUE_BYTES = 25 * 1024 * 1024
/** Most values are smaller. */
const FIRST_BYTES = 128 * 1024

/**
 * A KV namespace behind a binding. KV is eventually consistent, misses included, and has no conditional writes:
 * as a primary it suits small media that rarely change.
 */
export function kvBackend(name: string, kv: KVNamespace): Backend {
  const failed = (error: unknown) => Promise.reject(fromKvError(error, name))

  return {
    name,
    type: 'kv',
    maxSize: MAX_VALUE_BYTES,
    maxNameBytes: MAX_KEY_BYTES,
    accepts: (key) => nameBytes(key) <= MAX_KEY_BYTES && key !== '.' && key !== '..',
    get: (key, options = {}) => get(name, kv, { ...options, key }).catch(failed),
    head: (key) => head(name, kv, key).catch(failed),
    put: (key, body, options = {}) => put(name, kv, { ...options, key, body }).catch(failed),
    delete: (key) => writeAgain(() => kv.delete(key), isTooManyWrites).catch(failed),
    list: (options = {}) => list(name, kv, options).catch(failed),
  }
}

async function get(
  backend: string,
  kv: KVNamespace,
  { key, range, ifMatch, signal }: GetOptions & { key: string },
): Promise<StoredObject | null> {
  signal?.throwIfAborted()
  const object = await open(backend, kv, key, range === undefined)
  if (!object) return null
  if (ifMatch !== undefined && object.etag !== ifMatch) return refuseBody(object.body, changed(backend))
  return cutPart(object, range)
}

/** KV has no HEAD, so the value is opened and not read. */
async function head(backend: string, kv: KVNamespace, key: string): Promise<ObjectInfo | null> {
  const object = await open(backend, kv, key, false)
  if (!object) return null
  const { body, ...info } = object
  await cancelBody(body)
  return info
}

async function open(
  backend: string,
  kv: KVNamespace,
  key: string,
  isWhole: boolean,
): Promise<StoredObject | null> {
  const { value, metadata } = await kv.getWithMetadata(key, 'stream')
  if (!value) return null
  const record = fromKvMetadata(metadata)
  if (!record) return readForeign(backend, key, value)
  const body = isWhole ? withKnownLength(value, record.size) : value
  return { ...infoOfRecord(record, backend, key), body }
}

/** A value that other software wrote has no recorded size, so all of it is read: at most 25 MiB, KV's limit. */
async function readForeign(
  backend: string,
  name: string,
  value: ReadableStream<Uint8Array>,
): Promise<StoredObject> {
  const parts = createChunkReader(value)
  let memory: Reservation | undefined
  try {
    memory = await isolateMemory.reserve(FIRST_BYTES, { leave: UPLOAD_BYTES })
    let bytes = await parts.whole(memory.bytes)
    while (!bytes) {
      await memory.grow(2 * memory.bytes, { leave: UPLOAD_BYTES })
      bytes = await parts.whole(memory.bytes)
    }
    const version = await contentDigest(bytes)
    return {
      name,
      backend,
      size: bytes.length,
      etag: tagOfDigest(version),
      version,
      body: heldBody(bytes, memory),
    }
  } catch (error) {
    memory?.release()
    await parts.cancel(error)
    throw failureOfBody(error, backend)
  }
}

/** If a stream were interrupted, KV would store the beginning, so all bytes are read before the first is sent. */
async function put(
  backend: string,
  kv: KVNamespace,
  { key, body, size, info = {}, onlyIf, digests, signal, timer }: PutOptions & { key: string; body: Body },
): Promise<ObjectInfo | null> {
  if ((body instanceof Uint8Array ? body.length : (size ?? 0)) > MAX_VALUE_BYTES)
    return refuseBody(body, new StorageError('too-large', 'KV accepts at most 25 MiB'))
  const bytes = await bytesOf(body, size, timer)
  if (digests) await checkDigests(bytes, digests)
  const record = await newRecord(bytes, info)
  const metadata = toKvMetadata(record)
  signal?.throwIfAborted()
  const write = async (): Promise<boolean> => {
    // KV has no conditional writes: another write between this check and the put is lost.
    if (onlyIf !== undefined && !conditionHolds(onlyIf, await head(backend, kv, key))) return false
    await kv.put(key, bytes, { metadata })
    return true
  }
  return (await writeAgain(write, isTooManyWrites, signal)) ? infoOfRecord(record, backend, key) : null
}

async function list(backend: string, kv: KVNamespace, options: ListOptions): Promise<ListPage> {
  const flat = async ({ prefix, limit = 1000, cursor, signal }: ListOptions): Promise<ListPage> => {
    signal?.throwIfAborted()
    const page = await kv.list({ prefix: prefix ?? null, limit, cursor: cursor ?? null })
    const objects = page.keys.map((key): ObjectInfo => {
      const record = fromKvMetadata(key.metadata)
      return record ? infoOfRecord(record, backend, key.name) : { name: key.name, backend }
    })
    return { objects, directories: [], ...(!page.list_complete && { cursor: page.cursor }) }
  }
  return options.delimiter ? rollUp(flat, options) : flat(options)
}
