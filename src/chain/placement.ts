import {
  type Backend,
  isWritable,
  type PartsBackend,
  takesParts,
  type WritableBackend,
} from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import { isLongerThan, MAX_NAME_BYTES, nameBytes } from '../storage/name.ts'
import type { Speculation } from './speculation.ts'
import type { ObjectInfo } from '../storage/object.ts'

/** The backends of a chain in order, and its settings. */
export interface Members {
  readonly backends: readonly Backend[]
  /** Deletes leave tombstones, which end a search. */
  readonly tombstones: boolean
  /** By backend name: the milliseconds without a response after which a search tries the next one as well. Default: it waits. */
  readonly hedgeMs?: Readonly<Record<string, number>>
  /** Lets reads start backends before their turn. Default: none does. */
  readonly speculation?: Speculation | undefined
}

type Backends = Pick<Members, 'backends'>

/** What one backend has under a name; without `info`, a directory. */
export interface Holding {
  backend: Backend
  info?: Pick<ObjectInfo, 'deleted' | 'lifted'> | undefined
}

/** The object to place. */
export interface Sized {
  name: string
  size?: number | undefined
}

/** Whether the backend accepts the name at all, given its filters and length limits. */
export function accepts(backend: Backend, name: string): boolean {
  return backend.accepts?.(name) !== false
}

/** Throws `invalid` if no backend accepts the name, and one might accept a shorter one. */
export function refuseTooLong(backends: readonly Backend[], name: string): void {
  const short = backends.find(({ maxNameBytes = MAX_NAME_BYTES }) => isLongerThan(maxNameBytes, name))
  if (!short || backends.some((backend) => accepts(backend, name))) return
  const why = `no backend accepts a name of ${nameBytes(name)} bytes: ${short.name} allows ${short.maxNameBytes}`
  throw new StorageError('invalid', why)
}

/** The writable backends, mirrors excepted, that accept the name and size, in order; it is written to the first one. */
function takers(backends: readonly Backend[], { name, size = 0 }: Sized): WritableBackend[] {
  return backends
    .filter(isWritable)
    .filter((backend) => !backend.mirror && accepts(backend, name) && size <= (backend.maxSize ?? Infinity))
}

/** The backend for writes and tombstones of the name. */
export function writerFor({ backends }: Backends, name: string, size?: number): WritableBackend | undefined {
  return takers(backends, { name, size })[0]
}

/** The backend for the object, followed by possible alternatives. Throws if there is none. */
export function writersFor(
  { backends }: Backends,
  name: string,
  size?: number,
): [WritableBackend, ...WritableBackend[]] {
  const [first, ...others] = takers(backends, { name, size })
  if (first) return [first, ...others]
  if (takers(backends, { name }).length > 0)
    throw new StorageError('too-large', `no backend accepts an object of ${size} bytes`)
  refuseTooLong(
    backends.filter((backend) => isWritable(backend) && !backend.mirror),
    name,
  )
  throw new StorageError('unsupported', 'no backend accepts writes of this name')
}

/** The backends for a body, like `writersFor`; if its length is unknown, those that accept any length come first. */
export function bodyWriters(
  chain: Backends,
  name: string,
  size: number | undefined,
): [WritableBackend, ...WritableBackend[]] {
  const writers = writersFor(chain, name, size)
  return size === undefined ? writers.sort(anyLengthFirst) : writers
}

function anyLengthFirst(a: WritableBackend, b: WritableBackend): number {
  return Number(a.maxSize !== undefined) - Number(b.maxSize !== undefined)
}

/** The backend for an upload in parts, whose size is not known when it begins. */
export function partsWriterFor({ backends }: Backends, name: string): PartsBackend | undefined {
  return takers(backends, { name }).find(takesParts)
}

/** The backends that a search tries before this one. */
export function before({ backends }: Backends, backend: Backend): readonly Backend[] {
  return backends.slice(0, backends.indexOf(backend))
}

/**
 * The backends that accept a copy of an object in `source`, in order; if its size is unknown, those that accept any come
 * first. The copy belongs in the first; each of them may have a newer version or a tombstone.
 */
export function copyTargets(chain: Backends, source: Backend, object: Sized): WritableBackend[] {
  const targets = takers(before(chain, source), object)
  return object.size === undefined ? targets.sort(anyLengthFirst) : targets
}

/**
 * The writable backends that store what is too large for those before them, such as R2 behind KV, unless there is no other
 * backend behind the first.
 */
export function largerWriters({ backends }: Backends): readonly Backend[] {
  let most: number | undefined
  const larger = backends.filter((backend) => {
    if (!isWritable(backend) || backend.mirror) return false
    const [before, size] = [most, backend.maxSize ?? Infinity]
    most = Math.max(before ?? 0, size)
    return before !== undefined && size > before
  })
  const behind = backends.slice(backends.findIndex(isWritable) + 1)
  return behind.length > larger.length ? larger : []
}

/** Whether writes of the name may go there: no backend before it takes all of them, whatever their size. */
export function mayTakeWrites(chain: Backends, backend: Backend, name: string): boolean {
  if (!isWritable(backend) || backend.mirror || !accepts(backend, name)) return false
  const earlier = takers(before(chain, backend), { name })
  return earlier.every((taker) => taker.maxSize !== undefined || !takesParts(taker))
}

/**
 * Whether a write can move the name there from an earlier backend, which cannot take the new object. A read that has tried
 * both at the same time could find it in neither.
 */
export function mayMoveTo(chain: Backends, backend: Backend, name: string): boolean {
  return mayTakeWrites(chain, backend, name) && copyTargets(chain, backend, { name }).length > 0
}

/** Where a copy of an object in `source` belongs, or why nowhere. */
export function copyTarget(
  chain: Backends,
  source: Backend,
  object: Sized,
): WritableBackend | 'excluded' | 'too-large' {
  const [target] = copyTargets(chain, source, object)
  if (target) return target
  return copyTargets(chain, source, { name: object.name }).length === 0 ? 'excluded' : 'too-large'
}

/** The backends up to the last that can hold a tombstone: those behind it don't change what is deleted. */
export function upToLastWritable({ backends }: Backends): readonly Backend[] {
  const last = backends.findLastIndex(isWritable)
  if (last < 0) throw new StorageError('unsupported', 'no backend is writable, so there are no tombstones')
  return backends.slice(0, last + 1)
}

/** Whether it is a tombstone that hides later backends' objects. Tombstones in read-only backends hide nothing. */
export function hides({ tombstones }: Pick<Members, 'tombstones'>, { backend, info }: Holding): boolean {
  return tombstones && isWritable(backend) && info?.deleted !== undefined && !info.lifted
}

/** The name's writer, if it is behind that read-only backend: its tombstone hides that backend's object, too. */
export function writerBehind(members: Members, backend: Backend, name: string): WritableBackend | undefined {
  if (!members.tombstones || isWritable(backend)) return undefined
  const writer = writerFor(members, name)
  return writer && before(members, writer).includes(backend) ? writer : undefined
}

/**
 * What a read finds under a name, given what each backend has, in order: the object that is served, or the tombstone that
 * hides it. A search, which tries one backend after the other, follows the same rules.
 */
export function decide<Held extends Holding>(
  members: Members,
  name: string,
  held: readonly Held[],
): { serves: Held | null; tombstone: Held | null } {
  for (const holding of held) {
    if (hides(members, holding)) return { serves: null, tombstone: holding }
    if (holding.info?.deleted) continue
    const writer = writerBehind(members, holding.backend, name)
    const tombstone = held.find((other) => other.backend === writer && hides(members, other))
    return tombstone ? { serves: null, tombstone } : { serves: holding, tombstone: null }
  }
  return { serves: null, tombstone: null }
}
