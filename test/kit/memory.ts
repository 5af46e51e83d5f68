import type {
  Backend,
  ListableBackend,
  ListOptions,
  ListPage,
  MultipartUpload,
  ObjectAttributes,
  PutCondition,
  PutOptions,
  WritableBackend,
} from '../../src/storage/backend.ts'
import { interruption, StorageError } from '../../src/storage/errors.ts'
import { checkName, encodeName, isStaged } from '../../src/storage/name.ts'
import type { ObjectInfo, RangeRequest, StoredObject } from '../../src/storage/object.ts'
import { compareNames } from '../../src/storage/order.ts'
import { attributesFromMetadata, attributesToMetadata } from '../../src/backends/attributes.ts'
import { checkDigests } from '../../src/bodies/digest.ts'
import { bytesBody } from '../../src/bodies/fixed-length.ts'
import { directoryOf } from '../../src/storage/roll-up.ts'
import { resolveRange } from '../../src/http/range.ts'

export interface MemoryObject {
  info: ObjectInfo
  bytes: Uint8Array<ArrayBuffer>
}

interface MemoryUpload {
  id: string
  info: ObjectAttributes
  /** The bytes of each part by its tag. */
  parts: Map<string, Uint8Array>
}

export interface MemoryOptions {
  now?: () => Date
  /** Most entries in a page of a listing, whatever `limit` says. */
  pageSize?: number
  /** Smallest size of a part that is not the last. Default 5 MiB, as in R2 and S3. */
  minPartSize?: number
}

export type MemoryBackend = Backend &
  Required<
    Pick<
      Backend,
      | 'put'
      | 'delete'
      | 'createMultipartUpload'
      | 'resumeMultipartUpload'
      | 'list'
      | 'listsAfter'
      | 'url'
      | 'path'
    >
  > & {
    readonly objects: Map<string, MemoryObject>
    /** Multipart uploads that were neither completed nor aborted. */
    readonly uploads: Set<MemoryUpload>
  }

const MIN_PART_SIZE = 5 * 1024 * 1024
const MAX_METADATA_BYTES = 8 * 1024

/** Keeps objects in a Map and supports everything that a backend can: the reference for the others, and for tests. */
export function memoryBackend(name: string, options: MemoryOptions = {}): MemoryBackend {
  const objects = new Map<string, MemoryObject>()
  const uploads = new Set<MemoryUpload>()
  const store = createStore(name, objects, options.now ?? (() => new Date()))

  const resume = (key: string, id: string): MultipartUpload => {
    const find = (): MemoryUpload => {
      for (const upload of uploads) if (upload.id === id) return upload
      throw new StorageError('precondition', 'the upload is gone', { backend: name })
    }
    return {
      id,
      async uploadPart(number, body, size, digests = {}) {
        const bytes = await readBody(body, size, name)
        await checkDigests(bytes, digests)
        const tag = `${number}.${crypto.randomUUID()}`
        find().parts.set(tag, bytes)
        return { number, tag, size }
      },
      async complete(parts, { onlyIf } = {}) {
        const upload = find()
        const bytes = joinParts(
          parts.map(({ tag }) => upload.parts.get(tag)),
          options.minPartSize ?? MIN_PART_SIZE,
        )
        uploads.delete(upload)
        return store(key, bytes, { info: upload.info, ...(onlyIf && { onlyIf }) })
      },
      async abort() {
        for (const upload of uploads) if (upload.id === id) uploads.delete(upload)
      },
    }
  }

  return {
    name,
    type: 'memory',
    objects,
    uploads,
    listsAfter: true,
    async get(key, { range, ifMatch, signal } = {}) {
      signal?.throwIfAborted()
      const found = objects.get(key)
      if (!found) return null
      if (ifMatch !== undefined && found.info.etag !== ifMatch)
        throw new StorageError('precondition', 'the object has changed', { backend: name })
      return open(found, range)
    },
    async head(key, { signal } = {}) {
      signal?.throwIfAborted()
      return objects.get(key)?.info ?? null
    },
    async put(key, body, putOptions = {}) {
      const bytes = await readBody(body, putOptions.size, name)
      if (putOptions.digests) await checkDigests(bytes, putOptions.digests)
      putOptions.signal?.throwIfAborted()
      return store(key, bytes, putOptions)
    },
    async delete(key) {
      objects.delete(key)
    },
    async createMultipartUpload(key, { info = {} } = {}) {
      const created = { id: crypto.randomUUID(), info, parts: new Map<string, Uint8Array>() }
      uploads.add(created)
      return resume(key, created.id)
    },
    resumeMultipartUpload: resume,
    async list(listOptions = {}) {
      return listPage(objects, {
        ...listOptions,
        limit: Math.min(listOptions.limit ?? 1000, options.pageSize ?? 1000),
      })
    },
    async url(key, { base }) {
      return base + encodeName(key)
    },
    path: (key) => `memory://${name}/${key}`,
  }
}

type Store = (key: string, bytes: Uint8Array<ArrayBuffer>, options: PutOptions) => Promise<ObjectInfo | null>

function createStore(backend: string, objects: Map<string, MemoryObject>, now: () => Date): Store {
  let versions = 0
  return async (key, bytes, { info = {}, onlyIf }) => {
    if (!isStaged(key)) checkName(key)
    const sha256 = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).toHex()
    // Nothing is awaited from here on: the condition and the write are one step.
    if (!holds(onlyIf, objects.get(key))) return null
    const created = now()
    const { metadata: _checked, ...representation } = info
    const stored: ObjectInfo = {
      ...representation,
      ...attributesFromMetadata(attributesToMetadata(info, MAX_METADATA_BYTES)),
      name: key,
      backend,
      size: bytes.length,
      etag: info.etag ?? `"${sha256.slice(0, 32)}"`,
      modified: info.modified ?? created,
      created,
      version: `${++versions}`,
      digests: { sha256 },
    }
    objects.set(key, { info: stored, bytes })
    return stored
  }
}

function holds(condition: PutCondition | undefined, found: MemoryObject | undefined): boolean {
  if (condition === undefined) return true
  return condition === 'absent' ? found === undefined : found?.info.version === condition.version
}

function open({ info, bytes }: MemoryObject, requested: RangeRequest | undefined): StoredObject {
  if (!requested || info.deleted) return { ...info, body: bytesBody(bytes) }
  const range = resolveRange(requested, bytes.length)
  if (range === 'unsatisfiable')
    throw new StorageError('unsatisfiable', 'the range begins after the end', {
      backend: info.backend,
      size: bytes.length,
    })
  return { ...info, range, body: bytesBody(bytes.slice(range.start, range.end + 1)) }
}

async function readBody(
  body: ReadableStream<Uint8Array> | Uint8Array,
  size: number | undefined,
  backend: string,
): Promise<Uint8Array<ArrayBuffer>> {
  if (size === undefined && !(body instanceof Uint8Array))
    throw new StorageError('invalid', 'a stream needs its size', { backend })
  const bytes = new Uint8Array(body instanceof Uint8Array ? body : await readStream(body))
  if (size !== undefined && bytes.length !== size)
    throw new StorageError('corrupt', `${bytes.length} bytes came instead of ${size}`, { backend })
  return bytes
}

async function readStream(body: ReadableStream<Uint8Array>): Promise<ArrayBuffer> {
  try {
    return await new Response(body).arrayBuffer()
  } catch (error) {
    throw interruption(error)
  }
}

function joinParts(parts: (Uint8Array | undefined)[], minPartSize: number): Uint8Array<ArrayBuffer> {
  const ordered = parts.filter((part) => part !== undefined)
  if (ordered.length < parts.length) throw new StorageError('invalid', 'there is no such part')
  const size = ordered[0]?.length ?? 0
  const wrong = ordered.some((part, index) =>
    index < ordered.length - 1 ? part.length !== size || size < minPartSize : part.length > size,
  )
  if (wrong)
    throw new StorageError('invalid', 'parts must be equally large, and only the last may be smaller')
  const whole = new Uint8Array(ordered.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of ordered) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

function listPage(objects: Map<string, MemoryObject>, options: ListOptions & { limit: number }): ListPage {
  const { prefix = '', delimiter, limit, after, cursor } = options
  const start = cursor ?? after
  const names = [...objects.keys()]
    .filter((name) => name.startsWith(prefix) && (start === undefined || compareNames(name, start) > 0))
    .toSorted(compareNames)
  const page: ListPage = { objects: [], directories: [] }
  let last = cursor
  for (const name of names) {
    const directory = directoryOf(name, prefix, delimiter)
    if (directory !== undefined && directory === last) continue
    if (last !== undefined && page.objects.length + page.directories.length === limit)
      return { ...page, cursor: last }
    const found = objects.get(name)
    if (directory !== undefined) page.directories.push(directory)
    else if (found) page.objects.push(found.info)
    last = directory ?? name
  }
  return page
}

/** The backend as R2, which stores and finds an object under every equivalent spelling of its name, and lists it under the last one. */
export function asR2(backend: MemoryBackend): ListableBackend & WritableBackend {
  const listed = new Map<string, string>()
  return {
    ...backend,
    type: 'r2',
    get: (name, options) => backend.get(name.normalize(), options),
    head: (name, options) => backend.head(name.normalize(), options),
    async put(name, body, options) {
      const stored = await backend.put(name.normalize(), body, options)
      if (stored) listed.set(name.normalize(), name)
      return stored
    },
    delete: (name) => backend.delete(name.normalize()),
    async list(options) {
      const after = options?.after?.normalize()
      const page = await backend.list({ ...options, ...(after !== undefined && { after }) })
      const objects = page.objects.map((object) => ({
        ...object,
        name: listed.get(object.name) ?? object.name,
      }))
      return { ...page, objects: objects.toSorted((a, b) => compareNames(a.name, b.name)) }
    },
  }
}
