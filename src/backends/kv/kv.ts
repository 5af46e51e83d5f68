import type {
  Backend,
  GetOptions,
  ListOptions,
  ListPage,
  PutCondition,
  PutOptions,
} from '../../storage/backend.ts'
import { cancelBody } from '../../bodies/cancel.ts'
import { checkDigests } from '../../bodies/digest.ts'
import { failureOfBody, interruption, StorageError } from '../../storage/errors.ts'
import { resolveRange } from '../../http/range.ts'
import { encodeName, nameBytes } from '../../storage/name.ts'
import type { ObjectInfo, StoredObject } from '../../storage/object.ts'
import { heldBody, withKnownLength } from '../../bodies/fixed-length.ts'
import { isolateMemory, type Reservation, UPLOAD_BYTES } from '../../bodies/memory-budget.ts'
import { createChunkReader } from '../../bodies/chunks.ts'
import { writeAgain } from '../call.ts'
import { type KvBinding, fromKvError, isTooManyWrites, kvBinding } from './binding.ts'
import { contentTag, fromKvMetadata, infoOfRecord, newRecord, toKvMetadata } from './record.ts'
import { rollUp } from '../../storage/roll-up.ts'
import { sliceBody } from '../../bodies/slice.ts'

// developers.cloudflare.com/kv/platform/limits
const MAX_KEY_BYTES = 512
const MAX_VALUE_BYTES = 25 * 1024 * 1024
/** Most values are smaller. */
const FIRST_BYTES = 128 * 1024

type Body = ReadableStream<Uint8Array> | Uint8Array

/**
 * A KV namespace behind a binding. KV is eventually consistent, misses included, and has no conditional writes:
 * as a primary it suits small media that change seldom.
 */
export function kvBackend(name: string, namespace: KVNamespace): Backend {
  const kv = kvBinding(namespace)
  const translated = <Result>(key: string | undefined, done: Promise<Result>): Promise<Result> =>
    done.catch((error: unknown) => Promise.reject(fromKvError(error, name, key)))
  const head = (key: string): Promise<ObjectInfo | null> => headOf(name, kv, key)

  return {
    name,
    type: 'kv',
    maxSize: MAX_VALUE_BYTES,
    accepts: (key) => nameBytes(key) <= MAX_KEY_BYTES && key !== '.' && key !== '..',
    get: (key, getOptions = {}) => translated(key, get(name, kv, { ...getOptions, key })),
    head: (key) => translated(key, head(key)),
    put: (key, body, putOptions = {}) => translated(key, put(name, kv, { ...putOptions, key, body })),
    delete: (key) =>
      translated(
        key,
        writeAgain(() => kv.delete(key), isTooManyWrites),
      ),
    list: (listOptions = {}) => translated(undefined, list(name, kv, listOptions)),
    async url(key, { base }) {
      return base + encodeName(key)
    },
  }
}

async function get(
  backend: string,
  kv: KvBinding,
  { key, range, ifMatch, signal }: GetOptions & { key: string },
): Promise<StoredObject | null> {
  signal?.throwIfAborted()
  const object = await open(backend, kv, key, range === undefined)
  if (!object) return null
  const refuse = async (error: StorageError): Promise<never> => {
    await cancelBody(object.body)
    throw error
  }
  if (ifMatch !== undefined && object.etag !== ifMatch)
    return refuse(new StorageError('precondition', 'the object has changed', { backend, name: key }))
  const { size } = object
  if (!range || object.deleted) return object
  const resolved = resolveRange(range, size)
  if (resolved === 'unsatisfiable')
    return refuse(
      new StorageError('unsatisfiable', 'the range begins past the end', { backend, name: key, size }),
    )
  return { ...object, range: resolved, body: sliceBody(object.body, resolved) }
}

/** KV has no HEAD: the value is opened and left unread. */
async function headOf(backend: string, kv: KvBinding, key: string): Promise<ObjectInfo | null> {
  const object = await open(backend, kv, key, false)
  if (!object) return null
  const { body, ...info } = object
  await cancelBody(body)
  return info
}

async function open(
  backend: string,
  kv: KvBinding,
  key: string,
  isWhole: boolean,
): Promise<(StoredObject & { size: number }) | null> {
  const { value, metadata } = await kv.open(key)
  if (!value) return null
  const record = fromKvMetadata(metadata)
  if (record) {
    const { size } = record
    const body = isWhole ? withKnownLength(value, size) : value
    return { ...infoOfRecord(record, backend, key), size, body }
  }
  return readForeign(backend, key, value)
}

/** A value that was written by other software has no size beside it, so it is read: at most 25 MiB, KV's own limit. */
async function readForeign(
  backend: string,
  name: string,
  value: ReadableStream<Uint8Array>,
): Promise<StoredObject & { size: number }> {
  const parts = createChunkReader(value)
  let memory: Reservation | undefined
  try {
    memory = await isolateMemory.reserve(FIRST_BYTES, { leave: UPLOAD_BYTES })
    let bytes = await parts.whole(memory.bytes)
    while (!bytes) {
      await memory.grow(2 * memory.bytes, { leave: UPLOAD_BYTES })
      bytes = await parts.whole(memory.bytes)
    }
    const version = await contentTag(bytes)
    return {
      name,
      backend,
      size: bytes.length,
      etag: `"${version}"`,
      version,
      body: heldBody(bytes, memory),
    }
  } catch (error) {
    memory?.release()
    await parts.cancel(error)
    throw failureOfBody(error, backend, name)
  }
}

async function put(
  backend: string,
  kv: KvBinding,
  options: PutOptions & { key: string; body: Body },
): Promise<ObjectInfo | null> {
  const { key, body, size, info = {}, onlyIf, digests, signal } = options
  const bytes = await readBody(body, size)
  if (digests) await checkDigests(bytes, digests)
  const record = await newRecord(bytes, info)
  const metadata = toKvMetadata(record)
  signal?.throwIfAborted()
  const write = async (): Promise<boolean> => {
    // KV has no conditional writes: one that lands between this check and the write is lost.
    if (onlyIf !== undefined && !(await holds(backend, kv, { key, onlyIf }))) return false
    await kv.put(key, bytes, { metadata })
    return true
  }
  return (await writeAgain(write, isTooManyWrites, signal)) ? infoOfRecord(record, backend, key) : null
}

async function holds(
  backend: string,
  kv: KvBinding,
  { key, onlyIf }: { key: string; onlyIf: PutCondition },
): Promise<boolean> {
  const found = await headOf(backend, kv, key)
  return onlyIf === 'absent' ? found === null : found?.version === onlyIf.version
}

/** KV stores what came of a stream that broke off, so every byte must be there before the first is sent. */
async function readBody(body: Body, size: number | undefined): Promise<Uint8Array> {
  if (body instanceof Uint8Array) {
    checkLength(body.length, size ?? body.length)
    return body
  }
  if (size === undefined || size > MAX_VALUE_BYTES) {
    await cancelBody(body)
    throw size === undefined
      ? new StorageError('invalid', 'a stream needs its size')
      : new StorageError('too-large', 'KV takes at most 25 MiB')
  }
  const bytes = new Uint8Array(size)
  let length = 0
  try {
    for await (const chunk of body) {
      if (length + chunk.length > size) checkLength(length + chunk.length, size)
      bytes.set(chunk, length)
      length += chunk.length
    }
  } catch (error) {
    throw interruption(error)
  }
  checkLength(length, size)
  return bytes
}

function checkLength(length: number, size: number): void {
  if (size > MAX_VALUE_BYTES) throw new StorageError('too-large', 'KV takes at most 25 MiB')
  if (length !== size) throw new StorageError('corrupt', `the body does not have the announced ${size} bytes`)
}

async function list(backend: string, kv: KvBinding, options: ListOptions): Promise<ListPage> {
  const flat = async ({ prefix, limit, cursor, signal }: ListOptions): Promise<ListPage> => {
    signal?.throwIfAborted()
    const page = await kv.list({
      ...(prefix !== undefined && { prefix }),
      ...(limit !== undefined && { limit }),
      ...(cursor !== undefined && { cursor }),
    })
    const objects = page.keys.map((key): ObjectInfo => {
      const record = fromKvMetadata(key.metadata)
      return record ? infoOfRecord(record, backend, key.name) : { name: key.name, backend }
    })
    return { objects, directories: [], ...(!page.list_complete && { cursor: page.cursor }) }
  }
  return options.delimiter ? rollUp(flat, options) : flat(options)
}
