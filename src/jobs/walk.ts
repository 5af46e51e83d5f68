import { createSource, fetchAll, nextName, type Position } from '../chain/merge.ts'
import type { ListableBackend } from '../storage/backend.ts'
import type { ObjectInfo } from '../storage/object.ts'

/** The position of a walk, to save and resume it. */
export interface WalkPosition {
  /** The last name that was taken. */
  last?: string
  /** By the backend's name. */
  positions: Record<string, Position>
}

export interface Held {
  backend: ListableBackend
  object: ObjectInfo
  /** It is listed under an equivalent name, and may be another object's. */
  isEquivalent?: true
}

/** One name, and the backends that list it, in their order. */
export interface Step {
  name: string
  held: Held[]
}

/** The most rounds of requests in one `take`: prior versions alone, which are hidden, can fill thousands of pages. */
const MAX_ROUNDS = 20

export type Walk = ReturnType<typeof createWalk>

export interface WalkOptions {
  position?: WalkPosition | undefined
  /** Whether names that the backend does not list are looked up in it, so that its listing may miss some. */
  mayMiss?: (backend: ListableBackend) => boolean
}

/** Lists all names of some backends, in UTF-8 byte order. */
export function createWalk(
  backends: readonly ListableBackend[],
  prefix: string,
  { position: before = { positions: {} }, mayMiss = () => false }: WalkOptions = {},
) {
  let last = before.last
  // Excluded objects must be counted.
  const query = { prefix, limit: 1000, everything: true, last }
  const sources = backends.map((backend) =>
    createSource(backend, before.positions[backend.name] ?? { state: 'new' }, {
      ...query,
      // R2 may list equivalent names where the other spelling belongs.
      order: backend.type !== 'r2' ? 'strict' : mayMiss(backend) ? undefined : 'by page',
    }),
  )

  return {
    /**
     * The next names: up to `limit`, fewer if their objects have so many bytes, at the end or before a listing that fails. There
     * may be none before the end, where many pages have no names: so an alarm can save how far it came.
     * Throws the StorageError of a listing that fails before the first of them; names that were taken before are not lost.
     */
    async take(limit: number, maxBytes = Infinity): Promise<Step[]> {
      const steps: Step[] = []
      let bytes = 0
      let rounds = 0
      while (steps.length < limit && bytes < maxBytes) {
        const next = nextName(sources)
        if (next.name !== undefined) {
          const held = next.holders.flatMap((source) => {
            const object = source.peek()?.object
            source.take()
            return object ? { backend: source.backend, object } : []
          })
          last = next.name
          steps.push({ name: next.name, held })
          for (const { object } of held) bytes += object.size ?? 0
          continue
        }
        if (next.blocking.length === 0 || rounds++ === MAX_ROUNDS) return steps
        await fetchAll(next.blocking)
        const failed = next.blocking.find(({ error }) => error)
        // With names in hand they are returned first; the next call tries the listing again.
        if (failed?.error && steps.length > 0) return steps
        if (failed?.error) throw failed.error
      }
      return steps
    },
    get ended(): boolean {
      return sources.every(({ exhausted }) => exhausted)
    },
    position: (): WalkPosition => ({
      ...(last !== undefined && { last }),
      positions: Object.fromEntries(
        sources.map((source) => {
          // A job lists every backend again when it resumes, so objects saved in the meantime count.
          const { ahead: _, ...position } = source.position(last !== before.last)
          return [source.backend.name, position]
        }),
      ),
    }),
  }
}
