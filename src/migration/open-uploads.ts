import { describeError, log } from '../observe/log.ts'
import type { Backend, MultipartUpload } from '../storage/backend.ts'
import { isStaged } from '../storage/name.ts'

/** A multipart upload that must not stay open forever. */
export interface OpenUpload {
  backend: string
  /** The name that a copy stores, or the staged object of a client's upload. */
  name: string
  id: string
}

/** Remembers multipart uploads even if the process that began them ends. */
export interface UploadIndex {
  openUpload(upload: OpenUpload): Promise<void>
  /** Removes it; returns those that may be aborted once its name is settled. */
  closeUpload(upload: OpenUpload): Promise<OpenUpload[]>
}

/**
 * Multipart uploads are remembered until they end, so that those of a killed process can be aborted, and their staged
 * objects removed: those of a copy by the next copy that settles the name, and all of them after a day by any upload that
 * completes. If another copy of the name is still running, its upload is aborted, too: it is create-only, so it would
 * fail anyway. Copies never abort each other before one has won.
 */
export function withRememberedUploads(backend: Backend, index: () => UploadIndex): Backend {
  const { createMultipartUpload: create, abortMultipartUpload: abort } = backend
  if (!create || !abort) return backend

  const close = async (upload: OpenUpload, isSettled: boolean): Promise<void> => {
    const left = await index().closeUpload(upload)
    if (!isSettled) return
    // One that cannot be aborted, because of a lock for instance, must not keep the others open.
    for (const other of left)
      await remembering(other, async () => {
        await abort(other.name, other.id)
        await index().closeUpload(other)
      })
  }
  return {
    ...backend,
    async createMultipartUpload(name, options) {
      const upload = await create(name, options)
      const isCopy = options?.info?.provenance !== undefined
      // Unless it is staged, a client's upload leaves nothing that R2 or a lifecycle rule would not remove.
      if (!isCopy && !isStaged(upload.id)) return upload
      // A copy must not abort a client's upload, so that has a name of its own.
      const opened = { backend: backend.name, name: isCopy ? name : upload.id, id: upload.id }
      await remembering(opened, () => index().openUpload(opened))
      return remembered(upload, (isSettled) => remembering(opened, () => close(opened, isSettled)))
    },
  }
}

function remembered(upload: MultipartUpload, close: (isSettled: boolean) => Promise<void>): MultipartUpload {
  return {
    ...upload,
    async complete() {
      const stored = await upload.complete()
      await close(true)
      return stored
    },
    async abort() {
      await upload.abort()
      await close(false)
    },
  }
}

/** No upload fails because of it: R2 removes open parts after seven days, and a lifecycle rule staged objects. */
async function remembering({ backend, name, id }: OpenUpload, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    log('warn', 'open upload', { backend, name, id, reason: describeError(error) })
  }
}
