import type { Backend, WritableBackend } from '../storage/backend.ts'
import type { ObjectInfo, Provenance } from '../storage/object.ts'
import { isCopyOf } from '../storage/same-object.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import { intercept } from './intercept.ts'

/**
 * Takes a copy back if one of the backends behind this one, up to the copy's source, has got the name or another version of
 * it meanwhile: a write that is too large for this backend went there, and the copy would hide it.
 */
export function withYieldingCopies(backend: WritableBackend, behind: readonly WritableBackend[]): Backend {
  const isTaken = async (name: string, provenance: Provenance): Promise<boolean> => {
    for (const other of behind) {
      if (other.accepts?.(name) === false) continue
      const found = await other.head(name, { fresh: true })
      if (other.name === provenance.backend)
        return found !== null && isIdentified(found) && !isCopyOf({ provenance }, found)
      if (found && !found.deleted) return true
    }
    return false
  }
  const takeBack = (name: string, copy: ObjectInfo): Promise<ObjectInfo | null> =>
    writeMarker(backend, name, { lifted: true, onlyIf: conditionOn(copy) })

  return intercept(backend, {
    put:
      (put) =>
      async (name, body, options = {}) => {
        const stored = await put(name, body, options)
        const { provenance, deleted } = options.info ?? {}
        if (!stored || !provenance || deleted) return stored
        try {
          if (!(await isTaken(name, provenance))) return stored
        } catch (error) {
          await takeBack(name, stored)
          throw error
        }
        await takeBack(name, stored)
        return null
      },
  })
}

/** Without either, it is not known whether it is another version. */
function isIdentified({ etag, modified }: ObjectInfo): boolean {
  return etag !== undefined || modified !== undefined
}
