import { alternativeName, cleanName, type FreeName, freeName } from './names.ts'
import type { Backend, WritableBackend } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { type Chain, firstToSucceed } from '../chain/fallback.ts'
import { before, bodyWriters, mayTakeWrites, writersFor } from '../chain/placement.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { clearBefore } from './put-object.ts'
import { type Body, hold, isComplete, storeIn, type UploadOptions, withUpload } from './upload.ts'

const MAX_TRIES = 5

/** Django's `get_available_name`, in the backend that a save would use. */
export async function availableName(chain: Chain, name: string): Promise<string> {
  const [target] = writersFor(chain, name)
  return (await freeNameIn(chain, target, name)).name
}

function freeNameIn(chain: Chain, target: Backend, name: string): Promise<FreeName> {
  const earlier = before(chain, target)
  const behind = chain.backends.slice(earlier.length + 1)
  return freeName(
    target,
    name,
    earlier,
    behind.filter((backend) => mayTakeWrites(chain, backend, name)),
  )
}

/**
 * Stores the body under the first free name and never replaces anything. Uses the first writable backend, or the next one
 * if that fails and the body can still be sent again. The body is read to its end or cancelled.
 */
export function save(
  chain: Chain,
  name: string,
  body: Body,
  options: UploadOptions = {},
): Promise<ObjectInfo> {
  return withUpload(body, options, async (upload) => {
    await hold(upload, bodyWriters(chain, name, upload.size)[0])
    const writers = bodyWriters(chain, name, upload.size)
    const saveTo = async (
      backend: WritableBackend,
      failures: readonly StorageError[],
    ): Promise<ObjectInfo> => {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        // A backend that failed may have the plain name, and would then hide another backend's object with that name.
        const free: FreeName =
          failures.length > 0
            ? { name: alternativeName(backend, name), onlyIf: 'absent' }
            : await freeNameIn(chain, backend, name)
        const stored = await storeIn(backend, upload, free.name, free.onlyIf)
        if (stored) {
          // While it was stored, a read may have copied a fallback's object of the plain name, which would hide this one. The
          // save fails if that cannot be ruled out.
          if (free.name === cleanName(name)) await clearBefore(chain, free.name, backend, isCopy)
          return { ...stored, name: free.name }
        }
        if (!isComplete(upload)) {
          const why = 'another save has taken the name: send the body again'
          throw new StorageError('precondition', why, { backend: backend.name })
        }
      }
      const why = 'other saves have taken every name that was tried'
      throw new StorageError('unavailable', why, { backend: backend.name })
    }
    return firstToSucceed(writers, name, saveTo, () => !isComplete(upload))
  })
}

function isCopy({ provenance, deleted }: ObjectInfo): boolean {
  return provenance !== undefined && !deleted
}
