import type { ObjectInfo } from '../storage/object.ts'
import { compareDigests } from '../storage/same-object.ts'

/** The source has another version than the copy was made from; says how that shows. */
export interface Changed {
  changed: string
}

/** Whether the source still has the version that was copied from it; `undefined` if its ETag and time do not say. */
export function sinceCopy({ provenance }: ObjectInfo, source: ObjectInfo): 'same' | Changed | undefined {
  if (provenance?.backend !== source.backend) return undefined
  const { etag, modified, copied } = provenance
  if (etag !== undefined && source.etag !== undefined) {
    // The tags of KV had no `-0` at first.
    if (etag === source.etag || etag.replace(/"$/, '-0"') === source.etag) return 'same'
    return { changed: `${source.backend} has ETag ${source.etag}, the copy was made from ${etag}` }
  }
  if (!modified || !source.modified) return undefined
  // HTTP dates have whole seconds, listings often more.
  if (Math.abs(seconds(modified) - seconds(source.modified)) <= 1) {
    // An object that was copied so soon may have been replaced after the copy and have the same time.
    return copied.getTime() - modified.getTime() > SETTLED_MS ? 'same' : undefined
  }
  const [now, then] = [source.modified.toISOString(), modified.toISOString()]
  return {
    changed: `${source.backend} has it modified at ${now}, the copy was made from the version of ${then}`,
  }
}

/** A time proves the version if the copy was made so long after it, whatever the two clocks say. */
const SETTLED_MS = 60_000

function seconds(date: Date): number {
  return Math.floor(date.getTime() / 1000)
}

/** Whether a copy is of the version that its source has now; `unknown` if neither side reports enough to tell. */
export function compareCopy(copy: ObjectInfo, source: ObjectInfo): 'same' | Changed | 'unknown' {
  const since = sinceCopy(copy, source)
  const isByTag = copy.provenance?.etag !== undefined && source.etag !== undefined
  if (since !== undefined && (isByTag || since !== 'same')) return since
  const bytes = compareBytes(copy, source)
  return typeof bytes === 'object' ? bytes : (since ?? bytes)
}

/** Whether two objects have the same bytes, by what is known of them without reading them. */
export function compareBytes(own: ObjectInfo, other: ObjectInfo): 'same' | Changed | 'unknown' {
  if (own.size !== undefined && other.size !== undefined && own.size !== other.size)
    return { changed: `${own.size} bytes in ${own.backend}, ${other.size} in ${other.backend}` }
  const digests = compareDigests(own.digests, other.digests)
  if (digests) return digests.equal ? 'same' : { changed: `${digests.algorithm} differs` }
  // The ETag of what was uploaded to S3 in one piece is its MD5. If it is not equal, it proves nothing.
  const isMd5 =
    other.etag !== undefined && own.digests?.md5 !== undefined && other.etag === `"${own.digests.md5}"`
  return isMd5 || (own.size === 0 && other.size === 0) ? 'same' : 'unknown'
}
