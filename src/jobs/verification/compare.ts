import type { Chain } from '../../chain/fallback.ts'
import { copyTarget } from '../../chain/placement.ts'
import type { ListableBackend } from '../../storage/backend.ts'
import { compareDigests, sinceCopy } from '../../migration/compare-copy.ts'
import { failureOfBody, toStorageError } from '../../storage/errors.ts'
import type { ObjectInfo } from '../../storage/object.ts'
import { isOverruled, isServed, isTombstoned, whyTooLarge, whyUnusable } from '../backfill/classify.ts'
import { LISTED_BUT_ABSENT, lists } from '../backfill/copy-entry.ts'
import type { Held, Step } from '../walk.ts'
import type { DifferenceKind, LeftOutReason } from '../../schemas/reasons.ts'

/** What the comparison of one name found. */
export interface Result {
  name: string
  kind: Exclude<DifferenceKind, 'equal_by_size'> | 'equal' | 'tombstoned'
  /** Whether only the sizes could be compared. */
  bySize?: boolean
  /** Whether a fallback has it. */
  held: boolean
  backend: string
  detail: string
  /** The source's ETag looked like the MD5 of other bytes, and the bytes are the same. */
  oddTag?: boolean
  /** Why it was left out. */
  reason?: LeftOutReason
  /** Identifies these two versions, once their bytes were found to be the same. */
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
  /** Why a backfill could not copy the name; `undefined` if none failed to. */
  failureOf: (name: string) => FailedName | undefined
}

/** A name that a backfill ended without copying. */
export interface FailedName {
  name: string
  reason: LeftOutReason
  detail: string
}

/** Compares both sides of a name; `null` if neither has an object. */
export async function compareName({ name, held }: Step, options: CompareOptions): Promise<Result | null> {
  const { primary, chain } = options
  const isPrimary = ({ backend, object }: Held): boolean => backend === primary && !object.lifted
  const live = held.filter(({ backend, object }) => backend !== primary && !object.deleted)
  const stored = held.find(isPrimary)
  // As in reads: a backend is not searched for names that its filter excludes, not even for a tombstone.
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
  if (own && isOverruled(own, other))
    return { ...base, kind: 'missing', detail: `${base.backend} has it again, after it was deleted there` }
  if (own?.object.deleted || (!own && isTombstoned(chain, name, served)))
    return { ...base, kind: 'tombstoned' }
  if (own) return { ...base, ...(await compareBoth(own, other, options)) }
  if (!isServed(other)) return { ...base, ...leftOut('excluded', filtered(other)) }
  if (primary.accepts?.(name) === false)
    return { ...base, ...leftOut('not_accepted', `${primary.name} does not accept that name`) }
  if (copyTarget(chain, other.backend, { name, size: other.object.size }) === 'too-large')
    return { ...base, ...leftOut('too_large', whyTooLarge(other.object.size)) }
  const failed = options.failureOf(name)
  if (failed) return { ...base, ...leftOut(failed.reason, failed.detail) }
  return { ...base, kind: 'missing', detail: `${primary.name} does not hold it` }
}

type Compared = Pick<Result, 'kind' | 'detail' | 'bySize' | 'oddTag' | 'reason' | 'sameBytes'>

const EQUAL: Compared = { kind: 'equal', detail: '' }

function leftOut(reason: LeftOutReason, why: string): Compared {
  return { kind: 'left_out', reason, detail: `${reason}: ${why}` }
}

function filtered({ backend }: Held): string {
  return `the include or exclude of ${backend.name} leaves it out`
}

async function compareBoth(own: Held, other: Held, options: CompareOptions): Promise<Compared> {
  const listed = compareListed(own.object, other.object, options.trustTags(other.backend.name))
  const canRead = isServed(other)
  if (listed !== 'read') {
    const needsBytes = listed.kind === 'equal' && options.deep && (canRead || listed.bySize)
    if (!needsBytes) return listed
  }
  if (!canRead) return leftOut('excluded', `${filtered(other)}, so its bytes cannot be compared`)
  const versions = versionsOf(own, other)
  if (versions !== undefined && options.wasRead(versions)) return EQUAL
  const read = await compareBytes(own, other)
  if (read.kind !== 'equal') return read
  return { ...read, oddTag: listed === 'read', ...(versions !== undefined && { sameBytes: versions }) }
}

/** `undefined` if a side reports nothing that changes with its bytes. */
function versionsOf(own: Held, other: Held): string | undefined {
  const versions = [own, other].map(({ backend, object: { name, etag, modified, version, size } }) => {
    const known = [etag, modified?.getTime(), version]
    return known.every((part) => part === undefined) ? undefined : [backend.name, name, size, ...known]
  })
  return versions.includes(undefined) ? undefined : JSON.stringify(versions)
}

/** Reads both sides. An object that cannot be read counts as failed, unless its backend is down: that is thrown. */
async function compareBytes(
  { backend: primary, object: { name } }: Held,
  { backend: source }: Held,
): Promise<Compared> {
  const [own, other] = await Promise.all([digest(primary, name), digest(source, name)])
  if (typeof own === 'object') return own
  if (typeof other === 'object') return other
  if (own === undefined) return { kind: 'missing', detail: `removed from ${primary.name} meanwhile` }
  if (other === undefined)
    return (await lists(source, name))
      ? leftOut('failed', `${source.name} ${LISTED_BUT_ABSENT}`)
      : { kind: 'extra', detail: `removed from ${source.name} meanwhile` }
  return own === other ? EQUAL : { kind: 'different', detail: 'the bytes differ (SHA-256)' }
}

/** `undefined` if there is no such object. */
async function digest(backend: ListableBackend, name: string): Promise<string | undefined | Compared> {
  try {
    const object = await backend.get(name)
    if (!object) return undefined
    const stream = new crypto.DigestStream('SHA-256')
    await object.body.pipeTo(stream).catch((error: unknown) => {
      throw failureOfBody(error, backend.name)
    })
    return object.deleted ? undefined : new Uint8Array(await stream.digest).toHex()
  } catch (error) {
    const failure = toStorageError(error, backend.name)
    if (failure.code === 'skipped') throw failure
    // A backend that cannot even list one name is down.
    if (['unavailable', 'timeout', 'denied'].includes(failure.code)) await backend.list({ limit: 1 })
    return leftOut('failed', `cannot be read from ${backend.name}: ${failure.code}: ${failure.message}`)
  }
}

/** Compares the listed attributes: first the source's version, then sizes, then digests. `read` if only the bytes can decide. */
function compareListed(primary: ObjectInfo, source: ObjectInfo, trustTags: boolean): Compared | 'read' {
  const since = sinceCopy(primary, source)
  if (since !== undefined && since !== 'same') return { kind: 'changed', detail: since.changed }
  // An object that replaces a fallback's on purpose looks the same: only a person can decide.
  const origin = primary.provenance ? '' : '; saved there, not copied'
  if (primary.size !== undefined && source.size !== undefined && primary.size !== source.size) {
    const detail = `${primary.size} bytes in ${primary.backend}, ${source.size} in ${source.backend}${origin}`
    return { kind: 'different', detail }
  }
  const digests = compareDigests(primary.digests, source.digests)
  if (digests)
    return digests.equal ? EQUAL : { kind: 'different', detail: `${digests.algorithm} differs${origin}` }
  // S3 listings have no digests, but the ETag of what was uploaded in one piece and without KMS is its MD5.
  const tag = /^"([0-9a-f]{32})"$/.exec(source.etag ?? '')?.[1]
  if (trustTags && tag !== undefined && primary.digests?.md5 !== undefined)
    return tag === primary.digests.md5 ? EQUAL : 'read'
  const isSameTag = source.etag !== undefined && primary.etag === source.etag
  // All empty objects have the same bytes.
  const isEmpty = primary.size === 0 && source.size === 0
  return isSameTag || since === 'same' || isEmpty ? EQUAL : { ...EQUAL, bySize: true }
}
