import type { Backend, ListPage, MultipartUpload, PutOptions } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { isInternal, isStaged, STAGED } from '../storage/name.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { intercept } from './intercept.ts'

/** Of parts that are copied from a staged object. */
const MAX_PART_BYTES = 1024 ** 3

/** Called if a staged object could not be removed. */
export type OnLeft = (backend: string, name: string, error: unknown) => void

/**
 * Makes multipart uploads conditional: R2 and many S3 servers have no condition for completing one. The parts are joined
 * under a key of their own, and one conditional put, whose length is known by then, stores the object under its name. The
 * id of an upload contains this key, so that aborting it removes the staged object too. Internal objects are hidden.
 */
export function withStaging(backend: Backend, onLeft: OnLeft): Backend {
  const hidden = intercept(backend, {
    get: (get) => (name, options) => (isInternal(name) ? Promise.resolve(null) : get(name, options)),
    head: (head) => (name, options) => (isInternal(name) ? Promise.resolve(null) : head(name, options)),
    list: (list) => async (options) => withoutInternal(await list(options)),
  })
  if (!takesParts(backend)) return hidden
  return {
    ...hidden,
    createMultipartUpload(name, options = {}) {
      const isRefused = backend.accepts?.(name) === false
      // Without a condition the last upload wins, as with any put.
      const direct = !options.onlyIf || !fitsOnePut(backend, options.size ?? 0) || isRefused
      if (direct) return backend.createMultipartUpload(name, options)
      return stage(backend, name, { ...options, onLeft })
    },
    abortMultipartUpload(name, id) {
      if (!isStaged(id)) return backend.abortMultipartUpload(name, id)
      const [staged = '', own = ''] = id.split(' ')
      return discard(backend, staged, own)
    },
  }
}

type PartsBackend = Backend &
  Required<Pick<Backend, 'put' | 'delete' | 'createMultipartUpload' | 'abortMultipartUpload'>>

function takesParts(backend: Backend): backend is PartsBackend {
  const { put, delete: remove, createMultipartUpload, abortMultipartUpload } = backend
  return Boolean(put && remove && createMultipartUpload && abortMultipartUpload)
}

async function stage(
  backend: PartsBackend,
  name: string,
  { onLeft, ...options }: PutOptions & { onLeft: OnLeft },
): Promise<MultipartUpload> {
  const staged = STAGED + crypto.randomUUID()
  const upload = await backend.createMultipartUpload(staged)
  const sizes = new Map<number, number>()
  return {
    id: `${staged} ${upload.id}`,
    async uploadPart(number, body, size) {
      await upload.uploadPart(number, body, size)
      sizes.set(number, size)
    },
    async complete() {
      await upload.complete()
      const size = [...sizes.values()].reduce((sum, part) => sum + part, 0)
      const stored = fitsOnePut(backend, size)
        ? await backend.put(name, await open(backend, staged), { ...options, size })
        : await moveInParts(backend, staged, { ...options, name, size })
      // The object is stored, so the upload does not fail.
      await backend.delete(staged).catch((error: unknown) => onLeft(backend.name, staged, error))
      return stored
    },
    abort: () => discard(backend, staged, upload.id),
  }
}

/** Removes the upload and the staged object; which of them exists depends on how far the upload came. */
async function discard(backend: PartsBackend, staged: string, id: string): Promise<void> {
  await backend.abortMultipartUpload(staged, id)
  await backend.delete(staged)
}

/** An object that is too large for one put needs another multipart upload, which is only as atomic as the backend's. */
async function moveInParts(
  backend: PartsBackend,
  staged: string,
  { name, size, ...options }: PutOptions & { name: string; size: number },
): Promise<ObjectInfo | null> {
  const upload = await backend.createMultipartUpload(name, { ...options, size })
  try {
    const partBytes = Math.min(MAX_PART_BYTES, backend.maxPutSize ?? MAX_PART_BYTES)
    for (let offset = 0, number = 1; offset < size; offset += partBytes, number++) {
      const length = Math.min(partBytes, size - offset)
      await upload.uploadPart(number, await open(backend, staged, { offset, length }), length)
    }
    return await upload.complete()
  } catch (error) {
    await Promise.allSettled([upload.abort()])
    throw error
  }
}

async function open(
  backend: Backend,
  staged: string,
  range?: { offset: number; length: number },
): Promise<ReadableStream<Uint8Array>> {
  const object = await backend.get(staged, range && { range })
  if (object) return object.body
  throw new StorageError('unavailable', 'the joined parts have disappeared', {
    backend: backend.name,
  })
}

function fitsOnePut({ maxPutSize = Infinity }: Backend, size: number): boolean {
  return size <= maxPutSize
}

function withoutInternal(page: ListPage): ListPage {
  return {
    ...page,
    objects: page.objects.filter(({ name }) => !isInternal(name)),
    directories: page.directories.filter((name) => !isInternal(name)),
  }
}
