import type { Chain } from '../../chain/fallback.ts'
import { accepts, copyTarget, hides } from '../../chain/placement.ts'
import { type Backend, isWritable, type ListableBackend } from '../../storage/backend.ts'
import { cancelBody } from '../../bodies/cancel.ts'
import { startHash, type DigestName } from '../../bodies/digest.ts'
import { sinceCopy } from '../../migration/compare-copy.ts'
import { failureOfBody, toStorageError } from '../../storage/errors.ts'
import type { Digests, ObjectInfo } from '../../storage/object.ts'
import { compareDigests, isSameObject } from '../../storage/same-object.ts'
import {
  isOverruled,
  isServed,
  tombstoneOf,
  UNLISTABLE,
  whyTooLarge,
  whyUnusable,
} from '../backfill/classify.ts'
import { LISTED_BUT_ABSENT, lists, otherSpelling } from '../backfill/copy-entry.ts'
import type { Held, Step } from '../walk.ts'
import { repairCopy, whyUnrepaired } from './repair.ts'
import type { DifferenceKind, LeftOutReason } from '../../schemas/reasons.ts'

/** What the comparison of one name found. */
export interface Result {
  name: string
  kind: Exclude<DifferenceKind, 'equal_by_size' | 'repaired'> | 'equal' | 'tombstoned'
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
  /** Identifies these versions, once their bytes were read and found to be right, or cannot be checked. */
  sameBytes?: string
  /** A damaged copy that was copied again; `detail` says from where. */
  repaired?: boolean
  /** Nothing was recorded that its bytes could be compared with. */
  isUnrecorded?: boolean
  /** The bytes that were to be checked could not be read. */
  isUnread?: boolean
}

export interface CompareOptions {
  chain: Chain
  primary: ListableBackend
  /** Whether the verification is about detaching this backend. */
  isFallback: (backend: Backend) => boolean
  deep: boolean
  /** Read the primary's objects and compare them with their recorded digests, even if a listing shows no difference. */
  checkCopies: boolean
  /** Copy damaged copies again. */
  repair: boolean
  /** Whether that backend's ETags may be taken for MD5 digests. */
  trustTags: (backend: string) => boolean
  /** Whether an earlier pass has read these versions and found their bytes to be right. */
  wasRead: (versions: string) => boolean
  /** Evicts the name from the edge cache. */
  purge: (name: string) => Promise<void>
  /** Why a backfill could not copy the name; `undefined` if none failed to. */
  failureOf: (name: string) => FailedName | undefined
}

/** A name that a backfill ended without copying. */
export interface FailedName {
  name: string
  reason: LeftOutReason
  detail: string
}

/** Compares both sides of a name; `null` if neither has an object. Repairs a damaged copy if that is allowed. */
export async function compareName(step: Step, options: CompareOptions): Promise<Result | null> {
  const result = await compareStep(step, options)
  if (!result?.damaged) return result
  const { damaged, ...found } = result
  const holder = step.held.find(({ backend }) => backend.name === damaged.backend)?.backend
  const sources = step.held.filter((one) => one.backend !== holder && isServed(one))
  const live = sources.filter(({ object }) => !object.deleted).map(({ backend }) => backend)
  const { from, why } =
    options.repair && holder ? await repairCopy(damaged, holder, live) : { why: whyUnrepaired(damaged, live) }
  // What failed may have been stored all the same.
  if (options.repair) await options.purge(step.name)
  if (from === undefined) return { ...found, detail: `${found.detail}; ${why}` }
  return { ...found, kind: 'equal', repaired: true, detail: `${found.detail}; copied again from ${from}` }
}

async function compareStep(
  { name, held }: Step,
  options: CompareOptions,
): Promise<(Result & { damaged?: ObjectInfo }) | null> {
  const { primary, chain, isFallback } = options
  const isPrimary = ({ backend, object }: Held): boolean =>
    backend === primary && (!object.deleted || hides(chain, { backend, info: object }))
  const objects = held.filter(({ backend, object }) => backend !== primary && !object.deleted)
  const live = objects.filter(({ backend }) => isFallback(backend))
  const beside = objects.filter(({ backend }) => !isFallback(backend))
  const stored = held.find(isPrimary) ?? beside.find(({ backend }) => isWritable(backend))
  // As in reads: a backend is not searched for names that its filter excludes, not even for a tombstone.
  const served = held.filter(isServed)
  const other = live.find(isServed) ?? live[0]
  const base = { name, held: other !== undefined, backend: (other ?? stored)?.backend.name ?? '', detail: '' }
  const tombstone = tombstoneOf(chain, name, served)
  if (tombstone && isFallback(tombstone) && beside.some(isServed))
    return {
      ...base,
      kind: 'different',
      detail: `deleted in ${tombstone.name}: without it, an earlier backend serves it again`,
    }
  if (!other) {
    if (!stored || stored.object.deleted) return null
    const extra: Compared = { kind: 'extra', detail: 'no fallback holds it' }
    const isRead = options.checkCopies && isServed(stored)
    return { ...base, ...(isRead ? await checkOwn(stored, extra, options) : extra) }
  }
  const own = served.find(isPrimary) ?? beside.find(isServed)
  if (live.some((one) => one.object.unlistable && isServed(one)))
    return { ...base, ...leftOut('failed', UNLISTABLE), isUnread: own !== undefined }
  const wrong = whyUnusable(other)
  if (wrong !== undefined) return { ...base, ...leftOut('invalid_name', wrong) }
  if (own && isOverruled(own, other))
    return { ...base, kind: 'missing', detail: `${base.backend} has it again, after it was deleted there` }
  if (own?.object.deleted || (!own && tombstone)) return { ...base, kind: 'tombstoned' }
  if (own) {
    const compared = await compareBoth(own, other, options)
    const isOther = own.isEquivalent && compared.kind === 'different'
    return { ...base, ...compared, ...(isOther && { detail: otherSpelling(own.backend, other.backend) }) }
  }
  if (!isServed(other)) return { ...base, ...leftOut('excluded', filtered(other)) }
  const target = copyTarget(chain, other.backend, { name, size: other.object.size })
  if (!accepts(primary, name) && (typeof target === 'string' || isFallback(target)))
    return { ...base, ...leftOut('not_accepted', `${primary.name} does not accept that name`) }
  if (target === 'too-large') return { ...base, ...leftOut('too_large', whyTooLarge(other.object.size)) }
  const failed = options.failureOf(name)
  if (failed) return { ...base, ...leftOut(failed.reason, failed.detail) }
  const holder = typeof target === 'string' ? primary : target
  return { ...base, kind: 'missing', detail: `${holder.name} does not hold it` }
}

export type Compared = Pick<
  Result,
  'kind' | 'detail' | 'bySize' | 'oddTag' | 'reason' | 'sameBytes' | 'isUnrecorded' | 'isUnread'
> & {
  /** What is damaged, as it was read. */
  damaged?: ObjectInfo
}

const EQUAL: Compared = { kind: 'equal', detail: '' }

export function leftOut(reason: LeftOutReason, why: string): Compared {
  return { kind: 'left_out', reason, detail: `${reason}: ${why}` }
}

/** Whether what is listed shows that the bytes are the same. */
export function isProved(listed: Compared | 'read'): boolean {
  return listed !== 'read' && listed.kind === 'equal' && !listed.bySize
}

function filtered({ backend }: Held): string {
  return `the include or exclude of ${backend.name} leaves it out`
}

async function compareBoth(own: Held, other: Held, options: CompareOptions): Promise<Compared> {
  let listed = compareListed(own.object, other.object, options.trustTags(other.backend.name))
  // A mirror may have its object from the primary, which listings of S3 do not say.
  if (other.backend.mirror && !isProved(listed)) {
    const object = await other.backend.head(other.object.name)
    if (object && isSameObject(own.object, object)) listed = EQUAL
  }
  const canRead = isServed(other)
  if (listed !== 'read') {
    const needsBytes = listed.kind === 'equal' && options.deep && (canRead || listed.bySize)
    if (!needsBytes) {
      const isRead = options.checkCopies && listed.kind !== 'changed'
      return isRead ? checkOwn(own, listed, options, canRead ? other : undefined) : listed
    }
  }
  if (!canRead) {
    const excluded = leftOut('excluded', `${filtered(other)}, so its bytes cannot be compared`)
    return options.checkCopies ? checkOwn(own, excluded, options) : excluded
  }
  const versions = versionsOf(own, other)
  if (versions !== undefined && options.wasRead(versions)) return EQUAL
  const read = await compareBytes(own, other, options)
  if (read.kind !== 'equal') return read
  return { ...read, oddTag: listed === 'read', ...(versions !== undefined && { sameBytes: versions }) }
}

/** `undefined` if one of them reports nothing that changes with its bytes. */
function versionsOf(...held: readonly Held[]): string | undefined {
  const versions = held.map(({ backend, object: { name, etag, modified, version, size } }) => {
    const known = [etag, modified?.getTime(), version]
    return known.every((part) => part === undefined) ? undefined : [backend.name, name, size, ...known]
  })
  return versions.includes(undefined) ? undefined : JSON.stringify(versions)
}

/**
 * `listed`, unless the object's bytes do not match the digests that were recorded with them. Where a source has just these
 * bytes, the record is wrong and not the bytes.
 */
async function checkOwn(
  own: Held,
  listed: Compared,
  options: CompareOptions,
  source?: Held,
): Promise<Compared> {
  const versions = versionsOf(own)
  if (versions !== undefined && options.wasRead(versions)) return listed
  const unrecorded = versions !== undefined && { sameBytes: `unrecorded ${versions}` }
  if (unrecorded && options.wasRead(unrecorded.sameBytes)) return { ...listed, isUnrecorded: true }
  const read = await readBytes(own, { trustTags: options.trustTags(own.backend.name), ifRecorded: true })
  // What is known to differ is not less different because it cannot be read.
  if (read && 'kind' in read) {
    const found =
      listed.kind === 'different' ? { ...listed, detail: `${listed.detail}; ${read.detail}` } : read
    return { ...found, isUnread: true }
  }
  if (read && !read.info.digests) return { ...listed, isUnrecorded: true, ...unrecorded }
  if (read?.wrong === undefined)
    return { ...listed, ...(read && versions !== undefined && { sameBytes: versions }) }
  const other = source && (await readBytes(source))
  return other && 'sha256' in other && other.sha256 === read.sha256 ? listed : damaged(read)
}

/** Reads both sides, the copy first. An object that cannot be read counts as failed, unless its backend is down: that is thrown. */
export async function compareBytes(
  primary: Held,
  source: Held,
  { trustTags }: Pick<CompareOptions, 'trustTags'>,
): Promise<Compared> {
  const [own, other] = await Promise.all([
    readBytes(primary, { trustTags: trustTags(primary.backend.name) }),
    readBytes(source),
  ])
  if (own && 'kind' in own) return { ...own, isUnread: true }
  if (own?.wrong !== undefined && !(other && 'sha256' in other && other.sha256 === own.sha256))
    return damaged(own)
  const isUnrecorded = own !== undefined && !own.info.digests
  if (other && 'kind' in other) return { ...other, isUnrecorded }
  if (!own) return { kind: 'missing', detail: `removed from ${primary.backend.name} meanwhile` }
  if (!other) {
    const absent: Compared = (await lists(source.backend, source.object.name))
      ? leftOut('failed', `${source.backend.name} ${LISTED_BUT_ABSENT}`)
      : { kind: 'extra', detail: `removed from ${source.backend.name} meanwhile` }
    return { ...absent, isUnrecorded }
  }
  return own.sha256 === other.sha256 ? EQUAL : { kind: 'different', detail: 'the bytes differ (SHA-256)' }
}

function damaged({ info, wrong }: Bytes): Compared {
  const detail = `its bytes in ${info.backend} do not match the digest that was recorded with them (${wrong})`
  return { kind: 'damaged', detail, damaged: info }
}

/** What reading an object has shown. */
interface Bytes {
  info: ObjectInfo
  sha256: string
  /** The recorded digests that the bytes do not match. */
  wrong?: string
}

interface ReadOptions {
  /** Whether the backend's ETags may be MD5 digests. */
  trustTags?: boolean
  /** Reads nothing if no digest was recorded. */
  ifRecorded?: boolean
}

/** `undefined` if there is no such object. */
async function readBytes(
  { backend, object: { name } }: Held,
  { trustTags = true, ifRecorded = false }: ReadOptions = {},
): Promise<undefined | Bytes | Compared> {
  try {
    const object = await backend.get(name)
    if (!object) return undefined
    const { body, ...info } = object
    if (ifRecorded && !object.digests && !object.deleted) {
      await cancelBody(body)
      return { info, sha256: '' }
    }
    const recorded = Object.entries(object.digests ?? {}) as [DigestName, string][]
    const names = new Set<DigestName>(['sha256', ...recorded.map(([algorithm]) => algorithm)])
    const hashes = [...names].map((algorithm) => ({ algorithm, hash: startHash(algorithm) }))
    try {
      for await (const chunk of body) await Promise.all(hashes.map(({ hash }) => hash.update(chunk)))
    } catch (error) {
      throw failureOfBody(error, backend.name)
    }
    const actual: Digests = {}
    for (const { algorithm, hash } of hashes) actual[algorithm] = await hash.finish()
    if (object.deleted) return undefined
    const wrong = recorded
      .filter(([algorithm, digest]) => actual[algorithm] !== digest.toLowerCase())
      // The MD5 of an S3 object is its ETag, which is no digest with some servers.
      .filter(([algorithm, digest]) => algorithm !== 'md5' || trustTags || info.version !== `"${digest}"`)
      .map(([algorithm]) => algorithm)
    return { info, sha256: actual.sha256 ?? '', ...(wrong.length > 0 && { wrong: wrong.join(', ') }) }
  } catch (error) {
    const failure = toStorageError(error, backend.name)
    if (failure.code === 'skipped') throw failure
    // A backend that cannot even list one name is down.
    if (['unavailable', 'timeout', 'denied'].includes(failure.code)) await backend.list({ limit: 1 })
    return leftOut('failed', `cannot be read from ${backend.name}: ${failure.code}: ${failure.message}`)
  }
}

/** Compares the listed attributes: first the source's version, then sizes, then digests. `read` if only the bytes can decide. */
export function compareListed(
  primary: ObjectInfo,
  source: ObjectInfo,
  trustTags: boolean,
): Compared | 'read' {
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
  if (isSameTag || since === 'same' || isEmpty) return EQUAL
  return primary.size === undefined || source.size === undefined ? 'read' : { ...EQUAL, bySize: true }
}
