import { describeError, log } from '../observe/log.ts'
import type { Backend, MultipartUpload } from '../storage/backend.ts'

/** A multipart upload that a copy has begun. */
export interface OpenUpload {
  backend: string
  name: string
  id: string
}

/** Remembers multipart uploads beyond the life of the process that began them. */
export interface UploadLedger {
  openUpload(upload: OpenUpload): Promise<void>
  /** Forgets it; tells which ones may be aborted once its name is settled. */
  closeUpload(upload: OpenUpload): Promise<OpenUpload[]>
}

/**
 * Multipart uploads of copies are remembered until they end, so that those of a process that was killed can be aborted:
 * by the next copy that settles the name. One of another copy that still goes on is aborted then too, and fails, but
 * being create-only it had come too late already. Copies never abort each other before one has won.
 */
export function withRememberedUploads(backend: Backend, ledger: () => UploadLedger): Backend {
  const { createMultipartUpload: create, abortMultipartUpload: abort } = backend
  if (!create || !abort) return backend

  const close = async (upload: OpenUpload, isSettled: boolean): Promise<void> => {
    const left = await ledger().closeUpload(upload)
    if (!isSettled) return
    for (const other of left) {
      await abort(other.name, other.id)
      await ledger().closeUpload(other)
    }
  }
  return {
    ...backend,
    async createMultipartUpload(name, info) {
      const upload = await create(name, info)
      // Uploads of clients replace each other, and must not be aborted by a copy.
      if (!info?.provenance) return upload
      const opened = { backend: backend.name, name, id: upload.id }
      await remembering(opened, () => ledger().openUpload(opened))
      return remembered(upload, (isSettled) => remembering(opened, () => close(opened, isSettled)))
    },
  }
}

function remembered(upload: MultipartUpload, close: (isSettled: boolean) => Promise<void>): MultipartUpload {
  return {
    ...upload,
    async complete(onlyIf) {
      const stored = await upload.complete(onlyIf)
      await close(true)
      return stored
    },
    async abort() {
      await upload.abort()
      await close(false)
    },
  }
}

/** A copy does not fail for it: what is forgotten, R2 removes after seven days. */
async function remembering({ backend, name, id }: OpenUpload, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    log('warn', 'open upload', { backend, name, id, reason: describeError(error) })
  }
}
