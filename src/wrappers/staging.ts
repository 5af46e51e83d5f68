import type { Backend, ListPage, MultipartUpload, PutOptions } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { isInternal, isStaged, STAGED } from '../storage/name.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { intercept } from './intercept.ts'

/** For parts that are copied from a staged object. */
const MAX_PART_BYTES = 1024 ** 3

/** Called with a staged object that could not be removed. */
export type OnLeft = (backend: string, name: string, error: unknown) => void

/**
 * Makes conditions hold for uploads in parts: neither R2 nor many S3 servers take one when the parts are joined. So they are
 * joined under a key of their own, and one conditional put, of a length that is known by then, stores the object under its
 * name. Staged objects are hidden. An upload's id contains its staged key, so that aborting it by its id removes that too.
 */
export function withStaging(backend: Backend, onLeft: OnLeft): Backend {
  const hidden = intercept(backend, {
    get: (get) => (name, options) => (isInternal(name) ? Promise.resolve(null) : get(name, options)),
    head: (head) => (name, options) => (isInternal(name) ? Promise.resolve(null) : head(name, options)),
    list: (list) => async (options) => withoutInternal(await list(options)),
  })
  const { put, delete: remove, createMultipartUpload: create, abortMultipartUpload: abort } = backend
  if (!put || !remove || !create || !abort) return hidden
  return {
    ...hidden,
    createMultipartUpload(name, options = {}) {
      const isRefused = backend.accepts?.(name) === false
      // Without a condition the last one wins, as with any put.
      const direct = !options.onlyIf || !fitsOnePut(backend, options.size ?? 0) || isRefused
      if (direct) return create(name, options)
      return stage({ ...backend, put, remove, create, abort, onLeft }, name, options)
    },
    abortMultipartUpload(name, id) {
      if (!isStaged(id)) return abort(name, id)
      const [staged = '', own = ''] = id.split(' ')
      return discard({ remove, abort }, staged, own)
    },
  }
}

interface Stage extends Backend {
  put: NonNullable<Backend['put']>
  remove: NonNullable<Backend['delete']>
  create: NonNullable<Backend['createMultipartUpload']>
  abort: NonNullable<Backend['abortMultipartUpload']>
  onLeft: OnLeft
}

async function stage(backend: Stage, name: string, options: PutOptions): Promise<MultipartUpload> {
  const staged = STAGED + crypto.randomUUID()
  const upload = await backend.create(staged)
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
      const stored = await move(backend, staged, name, { ...options, size })
      // The object is stored, so the upload has not failed.
      await backend.remove(staged).catch((error: unknown) => backend.onLeft(backend.name, staged, error))
      return stored
    },
    abort: () => discard(backend, staged, upload.id),
  }
}

/** Removes both: which of them there is depends on how far the upload came. */
async function discard(
  { abort, remove }: Pick<Stage, 'abort' | 'remove'>,
  staged: string,
  id: string,
): Promise<void> {
  await abort(staged, id)
  await remove(staged)
}

/** Stores what is staged under its own name. */
function move(
  backend: Stage,
  staged: string,
  name: string,
  options: PutOptions & { size: number },
): Promise<ObjectInfo | null> {
  if (!fitsOnePut(backend, options.size)) return moveInParts(backend, staged, name, options)
  return open(backend, staged).then((body) => backend.put(name, body, options))
}

/** What is too large for one put can only be joined again: whether the condition holds then is up to the backend. */
async function moveInParts(
  backend: Stage,
  staged: string,
  name: string,
  options: PutOptions & { size: number },
): Promise<ObjectInfo | null> {
  const upload = await backend.create(name, options)
  try {
    const partBytes = Math.min(MAX_PART_BYTES, backend.maxPutSize ?? MAX_PART_BYTES)
    for (let offset = 0, number = 1; offset < options.size; offset += partBytes, number++) {
      const length = Math.min(partBytes, options.size - offset)
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
  throw new StorageError('unavailable', 'the parts that were just joined are gone', { backend: backend.name })
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
