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

/** R2 aborts uploads after as long; other servers never do. */
const CLIENTS_KEEP_MS = 7 * 24 * 60 * 60_000

/** Remembers multipart uploads even if the process that began them ends. */
export interface UploadIndex {
  /** Until `keepMs` have passed, `closeUpload` does not return it. */
  openUpload(upload: OpenUpload, keepMs?: number): Promise<void>
  /** Removes it; returns those that may be aborted once its name is settled. */
  closeUpload(upload: OpenUpload): Promise<OpenUpload[]>
}

/**
 * Multipart uploads are remembered until they end, so that those of a killed process can be aborted, and their staged
 * objects removed: those of a copy by the next copy that settles the name, staged ones after a day by any upload that
 * completes, and others of clients, who may send parts in many requests, after seven days. If another copy of the name is
 * still running, its upload is aborted, too: it is create-only, so it would fail anyway. Copies never abort each other
 * before one has won.
 */
export function withRememberedUploads(backend: Backend, index: () => UploadIndex): Backend {
  const { createMultipartUpload: create, resumeMultipartUpload: resume } = backend
  if (!create || !resume) return backend

  const close = async (upload: OpenUpload, isSettled: boolean): Promise<void> => {
    const left = await index().closeUpload(upload)
    if (!isSettled) return
    // One that cannot be aborted, because of a lock for instance, must not keep the others open.
    for (const other of left)
      await remembering(other, async () => {
        await resume(other.name, other.id).abort()
        await index().closeUpload(other)
      })
  }
  const closing = (upload: MultipartUpload, opened: OpenUpload): MultipartUpload => {
    let isCompleting = false
    return {
      ...upload,
      async complete(...args) {
        isCompleting = true
        const stored = await upload.complete(...args)
        await remembering(opened, () => close(opened, true))
        return stored
      },
      async abort() {
        await upload.abort()
        // A completion that failed, because it took too long for instance, may still join the parts: then they are removed later.
        if (!isCompleting) await remembering(opened, () => close(opened, false))
      },
    }
  }
  /** A copy must not abort what a client has staged, so that has a name of its own. */
  const openedBy = (id: string, name: string, isCopy: boolean): OpenUpload => ({
    backend: backend.name,
    name: isStaged(id) && !isCopy ? id : name,
    id,
  })
  return {
    ...backend,
    async createMultipartUpload(name, options) {
      const upload = await create(name, options)
      const isCopy = options?.info?.provenance !== undefined
      const opened = openedBy(upload.id, name, isCopy)
      const keepMs = isCopy || isStaged(upload.id) ? 0 : CLIENTS_KEEP_MS
      await remembering(opened, () => index().openUpload(opened, keepMs))
      return closing(upload, opened)
    },
    // Only clients resume their uploads.
    resumeMultipartUpload: (name, id) => closing(resume(name, id), openedBy(id, name, false)),
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
