import type { Digests, ObjectInfo } from '../../storage/object.ts'

export type { Difference } from '../../schemas/job-answers.ts'
export type { DifferenceKind } from '../../schemas/reasons.ts'

/** `look` when only the bytes can tell. */
export type Comparison =
  | { kind: 'equal'; by: 'digest' | 'etag' | 'version' | 'size' }
  | { kind: 'changed' | 'different' | 'look'; detail: string }

/** What two sides' listings tell of one name: the source's version first, then sizes, then digests. */
export function compare(
  primary: ObjectInfo,
  source: ObjectInfo,
  { trustTags }: { trustTags: boolean },
): Comparison {
  const since = sinceCopy(primary, source)
  if (since !== undefined && since !== 'same') return { kind: 'changed', detail: since.change }
  if (primary.size !== undefined && source.size !== undefined && primary.size !== source.size) {
    const detail = `${primary.size} bytes in ${primary.backend}, ${source.size} in ${source.backend}`
    return { kind: 'different', detail: detail + whence(primary) }
  }
  const known = sharedDigest(primary.digests ?? {}, source.digests ?? {})
  if (known) {
    if (known.equal) return { kind: 'equal', by: 'digest' }
    return { kind: 'different', detail: `${known.algorithm} differs${whence(primary)}` }
  }
  const tags = compareTags(primary, source, trustTags)
  if (tags !== undefined) return tags
  if (since === 'same') return { kind: 'equal', by: 'version' }
  // All empty objects have the same bytes.
  return { kind: 'equal', by: primary.size === 0 && source.size === 0 ? 'digest' : 'size' }
}

/** S3 listings tell no digest, but the ETag of what was uploaded in one piece and without KMS is its MD5. */
function compareTags(primary: ObjectInfo, source: ObjectInfo, trustTags: boolean): Comparison | undefined {
  const md5 = md5Of(source)
  const own = primary.digests?.md5 ?? md5Of(primary)
  if (trustTags && md5 !== undefined && primary.digests?.md5 !== undefined && own !== undefined) {
    if (md5 === own) return { kind: 'equal', by: 'digest' }
    return { kind: 'look', detail: `the MD5 is not ${source.backend}'s ETag` }
  }
  const isSame = source.etag !== undefined && primary.etag === source.etag
  return isSame ? { kind: 'equal', by: 'etag' } : undefined
}

/** Whether the source still has the version that was copied from it; `undefined` where nothing tells. */
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

/** What replaced a fallback's object on purpose looks like this too: only a person can tell. */
function whence({ provenance }: ObjectInfo): string {
  return provenance ? '' : '; saved there, not copied'
}
