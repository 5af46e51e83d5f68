import { chainError } from './search.ts'
import { type Backend, isListable, isWritable, type WritableBackend } from '../storage/backend.ts'
import { accepts, decide, hides, upToLastWritable } from './placement.ts'
import { StorageError } from '../storage/errors.ts'
import { type Chain, createChain } from './fallback.ts'
import { conditionOn, writeMarker } from '../storage/tombstone-marker.ts'
import { mergeList, type Show } from './merge-list.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { mapLimited } from '../storage/map-limited.ts'

export interface TombstoneQuery {
  /** Only names with this prefix. Default: all. */
  prefix?: string
  /** Most tombstones in the page. */
  limit: number
  cursor?: string | undefined
  cursorKey: string
}

export interface TombstonePage {
  tombstones: ObjectInfo[]
  /** `null` on the last page. A page may be short, or empty, and still have one. */
  cursor: string | null
}

const MAX_TRIES = 5

/** One page of the deleted names, or of all markers, in UTF-8 byte order. */
export async function listTombstones(
  chain: Chain,
  query: TombstoneQuery,
  show: Show = 'tombstones',
): Promise<TombstonePage> {
  const backends = upToLastWritable(chain)
  const blind = backends.find((backend) => isWritable(backend) && !isListable(backend))
  if (blind) throw new StorageError('unsupported', `${blind.name} can have tombstones but cannot list`)
  const { prefix = '', limit, cursor, cursorKey } = query
  const options = { prefix, limit, cursorKey, tombstones: chain.tombstones, show }
  const page = await mergeList(backends, { ...options, cursor })
  if (page.failures.length > 0) throw chainError(page.failures)
  return { tombstones: page.objects, cursor: page.cursor }
}

/** Lifts the name's tombstones, so that a fallback's object is served again; `null` if the name is not deleted. */
export async function undelete(chain: Chain, name: string): Promise<{ restored: ObjectInfo | null } | null> {
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const held = await headAll(upToLastWritable(chain), name)
    if (!decide(chain, name, held).tombstone) return null
    // Looked up first, so that nothing has changed if a fallback fails.
    const restored = await withoutTombstones(chain).head(name, { fresh: true })
    if (!(await liftAll(chain, name, held))) continue
    // A mirror may have deleted it until then, but does not any more.
    return { restored: isInMirror(chain, restored) ? await chain.head(name, { fresh: true }) : restored }
  }
  throw new StorageError('unavailable', 'other writes of the name came first every time: try again')
}

export interface Purge {
  purged: string[]
  kept: string[]
  cursor: string | null
}

function isInMirror({ backends }: Chain, object: ObjectInfo | null): boolean {
  return backends.some(({ name, mirror }) => name === object?.backend && mirror !== undefined)
}

/** Removes the markers of a page that hide nothing: lifted ones, and tombstones of names that no backend has any more. */
export async function purgeTombstones(
  chain: Chain,
  query: TombstoneQuery & { dryRun: boolean },
): Promise<Purge> {
  const { tombstones: marked, cursor } = await listTombstones(chain, query, 'markers')
  const purge = ({ name }: ObjectInfo): Promise<boolean> => purgeName(chain, name, query.dryRun)
  const isPurged = await mapLimited(marked, purge)
  const names = (wanted: boolean): string[] =>
    marked.filter((_, index) => isPurged[index] === wanted).map(({ name }) => name)
  return { purged: names(true), kept: names(false), cursor }
}

/** A failure proves nothing about the name, so its markers are kept, and the next purge checks again. */
async function purgeName(chain: Chain, name: string, dryRun: boolean): Promise<boolean> {
  try {
    const held = await headAll(chain.backends.filter(isWritable), name)
    const markers = held.filter(({ info }) => info.deleted)
    const isNeeded = markers.some((marker) => hides(chain, marker))
    if (isNeeded && (await withoutTombstones(chain).head(name, { fresh: true }))) return false
    if (dryRun) return true
    const removed = await Promise.all(markers.map(remove))
    return removed.every((isRemoved) => isRemoved)
  } catch (error) {
    if (error instanceof StorageError) return false
    throw error
  }
}

interface Held<Of extends Backend = Backend> {
  backend: Of
  info: ObjectInfo
}

/** R2, KV and most S3 servers delete unconditionally: a write within this one round trip is lost, so it is checked again. */
async function remove({ backend, info: { name, version } }: Held<WritableBackend>): Promise<boolean> {
  const now = await backend.head(name)
  if (!now?.deleted || now.version !== version) return false
  await backend.delete(name)
  return true
}

/** Lifts one tombstone after the other until none hides the name; `false` if something else was written in the meantime. */
async function liftAll(chain: Chain, name: string, held: readonly Held[]): Promise<boolean> {
  let now = held
  for (;;) {
    const { tombstone } = decide(chain, name, now)
    if (!tombstone) return true
    const { backend, info } = tombstone
    if (!isWritable(backend)) return false
    const lifted = await writeMarker(backend, name, { lifted: true, onlyIf: conditionOn(info) })
    if (!lifted) return false
    now = now.map((other) => (other === tombstone ? { backend, info: { ...info, lifted: true } } : other))
  }
}

/** What each of the backends has under the name. Throws if one fails. */
export async function headAll<Of extends Backend>(
  backends: readonly Of[],
  name: string,
  signal?: AbortSignal,
): Promise<Held<Of>[]> {
  const searched = backends.filter((backend) => accepts(backend, name))
  const read = { fresh: true, signal }
  const answers = await Promise.allSettled(searched.map((backend) => backend.head(name, read)))
  const failures = answers.flatMap((answer) =>
    answer.status === 'rejected' ? [answer.reason as StorageError] : [],
  )
  if (failures.length > 0) throw chainError(failures)
  return searched.flatMap((backend, index) => {
    const answer = answers[index]
    return answer?.status === 'fulfilled' && answer.value ? [{ backend, info: answer.value }] : []
  })
}

/** The same backends, but a tombstone hides nothing. */
function withoutTombstones(chain: Chain): Chain {
  return createChain(chain.backends, { ...chain, deletes: 'first' })
}
