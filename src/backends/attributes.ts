import type { ObjectAttributes } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'

/** Names that begin with this are ours; a client's metadata under such a name is not stored, or it could forge a tombstone. */
const RESERVED = 'fallback-storage-'
/** Most metadata of a client, as in S3; ours comes on top. */
export const MAX_USER_METADATA_BYTES = 2048

const encoder = new TextEncoder()

type KeptAttributes = Pick<ObjectInfo, 'metadata' | 'etag' | 'modified' | 'provenance' | 'deleted' | 'lifted'>

/**
 * User metadata and the attributes of a copy or a tombstone, as one flat record for backends that keep only that.
 * Throws `too-large` when it comes to more than `limit` UTF-8 bytes.
 */
export function attributesToMetadata(attributes: ObjectAttributes, limit: number): Record<string, string> {
  const { etag, modified, provenance, deleted, lifted } = attributes
  const user = Object.entries(attributes.metadata ?? {}).filter(([key]) => !key.startsWith(RESERVED))
  checkSize(user, MAX_USER_METADATA_BYTES)
  const own: [string, string | undefined][] = [
    ['etag', etag],
    ['modified', modified?.toISOString()],
    ['source', provenance?.backend],
    ['source-etag', provenance?.etag],
    ['source-modified', provenance?.modified?.toISOString()],
    ['copied', provenance?.copied.toISOString()],
    ['deleted', deleted?.toISOString()],
    ['lifted', lifted ? 'true' : undefined],
  ]
  const entries = [...user]
  for (const [key, value] of own) if (value !== undefined) entries.push([RESERVED + key, value])
  checkSize(entries, limit)
  return Object.fromEntries(entries)
}

/** What `attributesToMetadata` wrote; foreign metadata comes back as it is. */
export function attributesFromMetadata(record: Readonly<Record<string, string>> | undefined): KeptAttributes {
  const entries = Object.entries(record ?? {})
  if (entries.length === 0) return {}
  const own = new Map<string, string>()
  const user: Record<string, string> = {}
  for (const [key, value] of entries) {
    if (key.startsWith(RESERVED)) own.set(key.slice(RESERVED.length), value)
    else user[key] = value
  }
  const etag = own.get('etag')
  const modified = date(own.get('modified'))
  const deleted = date(own.get('deleted'))
  const provenance = provenanceFrom(own)
  return {
    ...(Object.keys(user).length > 0 && { metadata: user }),
    ...(etag !== undefined && { etag }),
    ...(modified && { modified }),
    ...(provenance && { provenance }),
    ...(deleted && { deleted }),
    ...(own.has('lifted') && { lifted: true }),
  }
}

function provenanceFrom(own: Map<string, string>): ObjectInfo['provenance'] {
  const backend = own.get('source')
  const copied = date(own.get('copied'))
  if (backend === undefined || !copied) return undefined
  const etag = own.get('source-etag')
  const modified = date(own.get('source-modified'))
  return { backend, copied, ...(etag !== undefined && { etag }), ...(modified && { modified }) }
}

function date(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const parsed = new Date(text)
  return Number.isNaN(parsed.getTime()) ? undefined : parsed
}

function checkSize(entries: [string, string][], limit: number): void {
  const size = entries.reduce(
    (sum, [key, value]) => sum + encoder.encode(key).length + encoder.encode(value).length,
    0,
  )
  if (size > limit)
    throw new StorageError(
      'too-large',
      `the metadata comes to ${size} bytes, and at most ${limit} can be kept`,
    )
}
