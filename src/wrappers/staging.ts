import {
  type Backend,
  type ListPage,
  type MultipartUpload,
  type PartsBackend,
  type PutOptions,
  sizeOfParts,
  takesParts,
} from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { isInternal, isStaged, STAGED } from '../storage/name.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { uploadParts } from '../storage/upload-parts.ts'
import { hideNames } from './hide-names.ts'
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
    ...hideNames(isInternal),
    list: (list) => async (options) => withoutInternal(await list(options)),
  })
  if (!takesParts(backend)) return hidden
  return {
    ...hidden,
    async createMultipartUpload(name, options = {}) {
      const isRefused = backend.accepts?.(name) === false
      // Without a condition the last upload wins, as with any put.
      const direct = !options.onlyIf || !fitsOnePut(backend, options.size ?? 0) || isRefused
      if (direct) return backend.createMultipartUpload(name, options)
      const staged = STAGED + crypto.randomUUID()
      const { id } = await backend.createMultipartUpload(staged)
      return stagedUpload(backend, name, { id: `${staged} ${id}`, onLeft })
    },
    resumeMultipartUpload: (name, id) =>
      isStaged(id) ? stagedUpload(backend, name, { id, onLeft }) : backend.resumeMultipartUpload(name, id),
  }
}

function stagedUpload(
  backend: PartsBackend,
  name: string,
  { id, onLeft }: { id: string; onLeft: OnLeft },
): MultipartUpload {
  const [staged = '', own = ''] = id.split(' ')
  const upload = backend.resumeMultipartUpload(staged, own)
  return {
    ...upload,
    id,
    async complete(parts, options = {}) {
      await upload.complete(parts)
      const size = sizeOfParts(parts)
      const stored = fitsOnePut(backend, size)
        ? await backend.put(name, await open(backend, staged), { ...options, size })
        : await moveInParts(backend, staged, { ...options, name, size })
      // The object is stored, so the upload does not fail.
      await backend.delete(staged).catch((error: unknown) => onLeft(backend.name, staged, error))
      return stored
    },
    /** Removes the upload and the staged object; which of them exists depends on how far the upload came. */
    async abort() {
      await upload.abort()
      await backend.delete(staged)
    },
  }
}

/** An object that is too large for one put needs another multipart upload, which is only as atomic as the backend's. */
async function moveInParts(
  backend: PartsBackend,
  staged: string,
  { name, ...options }: PutOptions & { name: string; size: number },
): Promise<ObjectInfo | null> {
  const { size } = options
  const upload = await backend.createMultipartUpload(name, options)
  const partBytes = Math.min(MAX_PART_BYTES, backend.maxPutSize ?? MAX_PART_BYTES)
  return uploadParts(upload, { size, partBytes, options }, async (number, range) =>
    upload.uploadPart(number, await open(backend, staged, range), range.length),
  )
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
