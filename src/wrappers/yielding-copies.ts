import type { Backend, WritableBackend } from '../storage/backend.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import { intercept } from './intercept.ts'

/**
 * Takes a copy back if one of the backends behind this one, and before the copy's source, has got the name meanwhile: a write
 * that is too large for this backend went there, and the copy would hide it.
 */
export function withYieldingCopies(backend: WritableBackend, behind: readonly WritableBackend[]): Backend {
  const isTaken = async (name: string, source: string): Promise<boolean> => {
    for (const other of behind) {
      if (other.name === source) return false
      if (other.accepts?.(name) === false) continue
      const found = await other.head(name, { fresh: true })
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
          if (!(await isTaken(name, provenance.backend))) return stored
        } catch (error) {
          await takeBack(name, stored)
          throw error
        }
        await takeBack(name, stored)
        return null
      },
  })
}
