import type { Chain } from '../../chain/fallback.ts'
import { copyTarget } from '../../chain/placement.ts'
import type { ListableBackend } from '../../storage/backend.ts'
import { failureOfBody, StorageError, toStorageError } from '../../storage/errors.ts'
import type { Digests, ObjectInfo } from '../../storage/object.ts'
import { isServed, isTombstoned, whyTooLarge, whyUnusable } from '../backfill/classify.ts'
import { LISTED_BUT_ABSENT, lists } from '../backfill/copy-entry.ts'
import type { Held, Step } from '../walk.ts'
import type { DifferenceKind, LeftOutReason } from '../../schemas/reasons.ts'

/** What the comparison of one name found. */
export interface Result {
  name: string
  kind: Exclude<DifferenceKind, 'equal_by_size'> | 'equal' | 'tombstoned'
  /** Whether only the sizes could be compared. */
  bySize?: boolean
  /** Whether a fallback holds it. */
  held: boolean
  backend: string
  detail: string
  /** The source's ETag looked like the MD5 of other bytes, and the bytes are the same. */
  oddTag?: boolean
  /** Why it was left out. */
  reason?: LeftOutReason
  /** Identifies these two versions, after their bytes were found to be the same. */
  sameBytes?: string
}

export interface CompareOptions {
  chain: Chain
  primary: ListableBackend
  deep: boolean
  /** Whether that backend's ETags may be taken for MD5 digests. */
  trustTags: (backend: string) => boolean
  /** Whether an earlier pass has found the bytes of these two versions to be the same. */
  wasRead: (versions: string) => boolean
  /** Why a backfill could not copy the name; `undefined` where none failed at it. */
  failureOf: (name: string) => FailedName | undefined
}

/** A name that a backfill ended without copying. */
export interface FailedName {
  name: string
  reason: LeftOutReason
  detail: string
}

/** Compares what both sides hold of a name; `null` where neither holds an object. */
export async function compareName({ name, held }: Step, options: CompareOptions): Promise<Result | null> {
  const { primary, chain } = options
  const isPrimary = ({ backend, object }: Held): boolean => backend === primary && !object.lifted
  const live = held.filter(({ backend, object }) => backend !== primary && !object.deleted)
  const stored = held.find(isPrimary)
  // As reads see it: a backend is not searched for what its filter leaves out, not even for a tombstone.
  const served = held.filter(isServed)
  const other = live.find(isServed) ?? live[0]
  const base = { name, held: other !== undefined, backend: (other ?? stored)?.backend.name ?? '', detail: '' }
  if (!other) {
    if (!stored || stored.object.deleted) return null
    return { ...base, kind: 'extra', detail: 'no fallback holds it' }
  }
  const own = served.find(isPrimary)
  const wrong = whyUnusable(other)
  if (wrong !== undefined) return { ...base, ...leftOut('invalid_name', wrong) }
  if (own?.object.deleted || (!own && isTombstoned(chain, name, served)))
    return { ...base, kind: 'tombstoned' }
  if (own) return { ...base, ...(await compareBoth(own, other, options)) }
  if (!isServed(other)) return { ...base, ...leftOut('excluded', filtered(other)) }
  if (primary.accepts?.(name) === false)
    return { ...base, ...leftOut('not_accepted', `${primary.name} does not take that name`) }
  if (copyTarget(chain, other.backend, { name, size: other.object.size }) === 'too-large')
    return { ...base, ...leftOut('too_large', whyTooLarge(other.object.size)) }
  const failed = options.failureOf(name)
  if (failed) return { ...base, ...leftOut(failed.reason, failed.detail) }
  return { ...base, kind: 'missing', detail: `${primary.name} does not hold it` }
}

type Compared = Pick<Result, 'kind' | 'detail' | 'bySize' | 'oddTag' | 'reason' | 'sameBytes'>

function leftOut(reason: LeftOutReason, why: string): Compared {
  return { kind: 'left_out', reason, detail: `${reason}: ${why}` }
}

function filtered({ backend }: Held): string {
  return `the include or exclude of ${backend.name} leaves it out`
}

async function compareBoth(own: Held, other: Held, options: CompareOptions): Promise<Compared> {
  const trustTags = options.trustTags(other.backend.name)
  const found = compareListed(own.object, other.object, { trustTags })
  if (found.kind === 'changed' || found.kind === 'different')
    return { kind: found.kind, detail: found.detail }
  const canRead = isServed(other)
  const bySize = found.kind === 'equal' && found.by === 'size'
  if (found.kind === 'equal' && !(options.deep && (canRead || bySize)))
    return { kind: 'equal', detail: '', bySize }
  if (!canRead) return leftOut('excluded', `${filtered(other)}, so its bytes cannot be compared`)
  const versions = versionsOf(own, other)
  if (versions !== undefined && options.wasRead(versions)) return { kind: 'equal', detail: '' }
  const bytes = await compareBytes(own, other)
  if (bytes !== 'equal') return bytes
  return {
    kind: 'equal',
    detail: '',
    oddTag: found.kind === 'read',
    ...(versions !== undefined && { sameBytes: versions }),
  }
}

/** `undefined` where a side reports nothing that changes with its bytes. */
function versionsOf(own: Held, other: Held): string | undefined {
  const versions = [own, other].map(({ backend, object: { name, etag, modified, version, size } }) => {
    const known = [etag, modified?.getTime(), version]
    return known.every((part) => part === undefined) ? undefined : [backend.name, name, size, ...known]
  })
  return versions.includes(undefined) ? undefined : JSON.stringify(versions)
}

/** Reads both sides. What cannot be read has failed, unless its backend is down: that is thrown. */
async function compareBytes(
  { backend: primary, object }: Held,
  { backend: source }: Held,
): Promise<'equal' | Compared> {
  const { name } = object
  const [own, other] = await Promise.all([digest(primary, name), digest(source, name)])
  for (const [side, backend] of [
    [own, primary],
    [other, source],
  ] as const) {
    if (!(side instanceof StorageError)) continue
    await throwIfDown(backend, side)
    return leftOut('failed', `cannot be read from ${backend.name}: ${side.code}: ${side.message}`)
  }
  if (own === null) return { kind: 'missing', detail: `went away from ${primary.name} meanwhile` }
  if (other === null && (await lists(source, name)))
    return leftOut('failed', `${source.name} ${LISTED_BUT_ABSENT}`)
  if (other === null) return { kind: 'extra', detail: `went away from ${source.name} meanwhile` }
  return own === other ? 'equal' : { kind: 'different', detail: 'the bytes differ (SHA-256)' }
}

async function digest(backend: ListableBackend, name: string): Promise<string | null | StorageError> {
  try {
    const object = await backend.get(name)
    if (!object) return null
    const stream = new crypto.DigestStream('SHA-256')
    await object.body.pipeTo(stream).catch((error: unknown) => {
      throw failureOfBody(error, backend.name, name)
    })
    return object.deleted ? null : new Uint8Array(await stream.digest).toHex()
  } catch (error) {
    return toStorageError(error, backend.name, name)
  }
}

async function throwIfDown(backend: ListableBackend, failure: StorageError): Promise<void> {
  if (!['unavailable', 'timeout', 'skipped', 'denied'].includes(failure.code)) return
  if (failure.code === 'skipped') throw failure
  await backend.list({ limit: 1 })
}

/** `read` when only the bytes can decide. */
type Comparison =
  | { kind: 'equal'; by: 'digest' | 'etag' | 'version' | 'size' }
  | { kind: 'changed' | 'different' | 'read'; detail: string }

/** What the two listings say of one object: the source's version first, then sizes, then digests. */
export function compareListed(
  primary: ObjectInfo,
  source: ObjectInfo,
  { trustTags }: { trustTags: boolean },
): Comparison {
  const since = sinceCopy(primary, source)
  if (since !== undefined && since !== 'same') return { kind: 'changed', detail: since.change }
  if (primary.size !== undefined && source.size !== undefined && primary.size !== source.size) {
    const detail = `${primary.size} bytes in ${primary.backend}, ${source.size} in ${source.backend}`
    return { kind: 'different', detail: detail + origin(primary) }
  }
  const known = sharedDigest(primary.digests ?? {}, source.digests ?? {})
  if (known) {
    if (known.equal) return { kind: 'equal', by: 'digest' }
    return { kind: 'different', detail: `${known.algorithm} differs${origin(primary)}` }
  }
  const tags = compareTags(primary, source, trustTags)
  if (tags !== undefined) return tags
  if (since === 'same') return { kind: 'equal', by: 'version' }
  // All empty objects have the same bytes.
  return { kind: 'equal', by: primary.size === 0 && source.size === 0 ? 'digest' : 'size' }
}

/** S3 listings have no digests, but the ETag of what was uploaded in one piece and without KMS is its MD5. */
function compareTags(primary: ObjectInfo, source: ObjectInfo, trustTags: boolean): Comparison | undefined {
  const md5 = md5Of(source)
  const own = primary.digests?.md5 ?? md5Of(primary)
  if (trustTags && md5 !== undefined && primary.digests?.md5 !== undefined && own !== undefined) {
    if (md5 === own) return { kind: 'equal', by: 'digest' }
    return { kind: 'read', detail: `the MD5 is not ${source.backend}'s ETag` }
  }
  const isSame = source.etag !== undefined && primary.etag === source.etag
  return isSame ? { kind: 'equal', by: 'etag' } : undefined
}

/** Whether the source still has the version that was copied from it; `undefined` where neither side says. */
function sinceCopy({ provenance }: ObjectInfo, source: ObjectInfo): 'same' | { change: string } | undefined {
  if (provenance?.backend !== source.backend) return undefined
  if (provenance.etag !== undefined && source.etag !== undefined) {
    if (provenance.etag === source.etag) return 'same'
    return { change: `${source.backend} has ETag ${source.etag}, the copy was made of ${provenance.etag}` }
  }
  if (!provenance.modified || !source.modified) return undefined
  // HTTP dates have whole seconds, listings often more.
  if (Math.abs(seconds(provenance.modified) - seconds(source.modified)) <= 1) {
    // What was copied so soon may have been replaced after the copy and have the same time.
    return provenance.copied.getTime() - provenance.modified.getTime() > SETTLED_MS ? 'same' : undefined
  }
  const [now, then] = [source.modified.toISOString(), provenance.modified.toISOString()]
  return { change: `${source.backend} has it modified at ${now}, the copy was made of the one of ${then}` }
}

/** A time proves the version where the copy was made so long after it, whatever the two clocks say. */
const SETTLED_MS = 60_000

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

function sharedDigest(a: Digests, b: Digests): { algorithm: string; equal: boolean } | undefined {
  for (const algorithm of ['sha256', 'sha512', 'sha1', 'md5', 'crc32c', 'crc32'] as const) {
    const [left, right] = [a[algorithm], b[algorithm]]
    if (left !== undefined && right !== undefined) return { algorithm, equal: left === right }
  }
  return undefined
}

function md5Of({ etag, digests }: ObjectInfo): string | undefined {
  return digests?.md5 ?? /^"([0-9a-f]{32})"$/.exec(etag ?? '')?.[1]
}

/** What replaced a fallback's object on purpose looks like this too: only a person can decide. */
function origin({ provenance }: ObjectInfo): string {
  return provenance ? '' : '; saved there, not copied'
}
