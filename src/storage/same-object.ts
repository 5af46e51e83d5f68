import type { GetOptions } from './backend.ts'
import { canonicalJson } from './canonical-json.ts'
import { type Digests, type ObjectInfo, type Provenance, representationOf } from './object.ts'

/**
 * Whether two backends hold the same bytes under a name, as far as their metadata can prove it: one is a copy of the
 * other's present version, or their digests are equal. `false` may also mean that it is not known.
 */
export function isSameObject(one: ObjectInfo, other: ObjectInfo): boolean {
  if (one.deleted || other.deleted) return false
  if (one.size !== undefined && other.size !== undefined && one.size !== other.size) return false
  const digests = compareDigests(one.digests, other.digests)
  return digests?.equal ?? (isCopyOf(one, other) || isCopyOf(other, one))
}

/** Whether the provenance of `copy` names exactly this version of `source`. */
export function isCopyOf({ provenance }: Pick<ObjectInfo, 'provenance'>, source: ObjectInfo): boolean {
  return provenance?.backend === source.backend && isSameVersion(provenance, source)
}

/** Whether the caller already has this version: then the body is not needed, and may be empty. */
export function isKnown(
  { etag }: ObjectInfo,
  { ifNoneMatch }: Pick<GetOptions, 'ifNoneMatch'> = {},
): boolean {
  return ifNoneMatch !== undefined && etag === ifNoneMatch
}

/** Also the headers and the user metadata. */
export function isSameRepresentation(one: ObjectInfo, other: ObjectInfo): boolean {
  const [first, second] = [one, other].map((info) =>
    canonicalJson({ metadata: {}, ...representationOf(info) }),
  )
  return first === second
}

/** A strong ETag may return, if the same bytes are stored again; the time differs then, if both are known. */
function isSameVersion(
  named: Pick<Provenance, 'etag' | 'modified'>,
  { etag, modified }: ObjectInfo,
): boolean {
  const isSameTime = named.modified && modified ? named.modified.getTime() === modified.getTime() : undefined
  if (named.etag === undefined && etag === undefined) return isSameTime === true
  return named.etag === etag && isSameTime !== false
}

const ALGORITHMS = ['sha256', 'sha512', 'sha1', 'md5', 'crc64nvme', 'crc32c', 'crc32'] as const

/** Compares the strongest digest that both sides know; `undefined` if there is none. */
export function compareDigests(
  own: Digests = {},
  other: Digests = {},
): { algorithm: keyof Digests; equal: boolean } | undefined {
  const algorithm = ALGORITHMS.find((one) => own[one] !== undefined && other[one] !== undefined)
  return algorithm && { algorithm, equal: own[algorithm] === other[algorithm] }
}
