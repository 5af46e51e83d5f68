import { type Backend, isWritable, type WritableBackend } from '../storage/backend.ts'
import type { ObjectInfo } from '../storage/object.ts'

/** What one backend holds of a name; without `info` a directory. */
export interface Holding {
  backend: Backend
  info?: Pick<ObjectInfo, 'deleted' | 'lifted'> | undefined
}

/** Who can be asked, and who knows what was deleted. */
export interface Members {
  readonly backends: readonly Backend[]
  /** Deletes leave tombstones, which end a search. */
  readonly tombstones: boolean
}

/** The first backend that takes writes of that name: what is saved and deleted is recorded there. */
export function authorityFor(
  { backends }: Pick<Members, 'backends'>,
  name: string,
): WritableBackend | undefined {
  return backends.filter(isWritable).find((backend) => backend.accepts?.(name) !== false)
}

/** Whether it is a tombstone that hides what is behind it. Those of backends that nobody can write to count for nothing. */
export function hides({ tombstones }: Pick<Members, 'tombstones'>, { backend, info }: Holding): boolean {
  return tombstones && isWritable(backend) && info?.deleted !== undefined && !info.lifted
}

/** The authority, where it is behind that read-only backend: its tombstone hides what that holds, too. */
export function authorityBehind(
  members: Members,
  backend: Backend,
  name: string,
): WritableBackend | undefined {
  if (!members.tombstones || isWritable(backend)) return undefined
  const authority = authorityFor(members, name)
  if (!authority) return undefined
  const { backends } = members
  return backends.indexOf(backend) < backends.indexOf(authority) ? authority : undefined
}

/**
 * What a read finds of a name, given what the backends hold of it, in their order: the object that is served, or the
 * tombstone that says that there is none. What is asked one backend after the other, `ask` decides by the same rules.
 */
export function decide<Held extends Holding>(
  members: Members,
  name: string,
  held: readonly Held[],
): { serves: Held | null; tombstone: Held | null } {
  for (const holding of held) {
    if (hides(members, holding)) return { serves: null, tombstone: holding }
    if (holding.info?.deleted) continue
    const authority = authorityBehind(members, holding.backend, name)
    const tombstone = held.find((other) => other.backend === authority && hides(members, other))
    return tombstone ? { serves: null, tombstone } : { serves: holding, tombstone: null }
  }
  return { serves: null, tombstone: null }
}
