import type { Digests, ObjectInfo } from '../../storage/object.ts'

export const DIFFERENCE_KINDS = ['missing', 'different', 'extra', 'changed'] as const
export type DifferenceKind = (typeof DIFFERENCE_KINDS)[number]

export interface Difference {
  kind: DifferenceKind
  name: string
  /** The fallback that is compared with; the primary for what is extra. */
  backend: string
  detail: string
}

/** `look` when only the bytes can tell. */
export type Comparison =
  | { kind: 'equal'; by: 'digest' | 'etag' | 'size' }
  | { kind: 'changed' | 'different' | 'look'; detail: string }

/** What two sides' listings tell of one name: the source's version first, then sizes, then digests. */
export function compare(
  primary: ObjectInfo,
  source: ObjectInfo,
  { trustTags }: { trustTags: boolean },
): Comparison {
  const change = changeSince(primary, source)
  if (change !== undefined) return { kind: 'changed', detail: change }
  if (primary.size !== undefined && source.size !== undefined && primary.size !== source.size) {
    const detail = `${primary.size} bytes in ${primary.backend}, ${source.size} in ${source.backend}`
    return { kind: 'different', detail: detail + whence(primary) }
  }
  const known = sharedDigest(primary.digests ?? {}, source.digests ?? {})
  if (known) {
    if (known.equal) return { kind: 'equal', by: 'digest' }
    return { kind: 'different', detail: `${known.algorithm} differs${whence(primary)}` }
  }
  return compareTags(primary, source, trustTags)
}

/** S3 listings tell no digest, but the ETag of what was uploaded in one piece and without KMS is its MD5. */
function compareTags(primary: ObjectInfo, source: ObjectInfo, trustTags: boolean): Comparison {
  const md5 = md5Of(source)
  const own = primary.digests?.md5 ?? md5Of(primary)
  if (trustTags && md5 !== undefined && primary.digests?.md5 !== undefined && own !== undefined) {
    if (md5 === own) return { kind: 'equal', by: 'digest' }
    return { kind: 'look', detail: `the MD5 is not ${source.backend}'s ETag` }
  }
  const tag = primary.provenance?.etag ?? primary.etag
  if (source.etag !== undefined && tag === source.etag) return { kind: 'equal', by: 'etag' }
  return { kind: 'equal', by: 'size' }
}

/** The source's object is not the one that was copied from it. */
function changeSince({ provenance }: ObjectInfo, source: ObjectInfo): string | undefined {
  if (provenance?.backend !== source.backend) return undefined
  if (provenance.etag !== undefined && source.etag !== undefined) {
    return provenance.etag === source.etag
      ? undefined
      : `${source.backend} has ETag ${source.etag}, the copy was made of ${provenance.etag}`
  }
  if (!provenance.modified || !source.modified) return undefined
  // HTTP dates have whole seconds, listings often more.
  const isSame = Math.abs(seconds(provenance.modified) - seconds(source.modified)) <= 1
  if (isSame) return undefined
  const [now, then] = [source.modified.toISOString(), provenance.modified.toISOString()]
  return `${source.backend} has it modified at ${now}, the copy was made of the one of ${then}`
}

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

/** What replaced a fallback's object on purpose looks like this too: only a person can tell. */
function whence({ provenance }: ObjectInfo): string {
  return provenance ? '' : '; saved there, not copied'
}
