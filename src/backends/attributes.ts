import type { ObjectAttributes } from '../storage/backend.ts'
import { StorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'

/** Internal metadata. A client's metadata under such a name is not stored, because it could forge a tombstone. */
const RESERVED = 'fallback-storage-'
/** Limit for a client's metadata, as in S3; internal metadata is not counted. */
export const MAX_USER_METADATA_BYTES = 2048

const encoder = new TextEncoder()

type KeptAttributes = Pick<
  ObjectInfo,
  'metadata' | 'etag' | 'modified' | 'provenance' | 'upload' | 'deleted' | 'lifted'
>

/**
 * User metadata and the attributes of a copy or a tombstone, as one flat record for backends that keep only that.
 * Throws `too-large` if it has more than `limit` UTF-8 bytes.
 */
export function attributesToMetadata(attributes: ObjectAttributes, limit: number): Record<string, string> {
  const { etag, modified, provenance, upload, deleted, lifted } = attributes
  const user = Object.entries(withoutReserved(attributes.metadata ?? {}))
  checkSize(user, MAX_USER_METADATA_BYTES)
  const own: [string, string | undefined][] = [
    ['etag', etag],
    ['modified', modified?.toISOString()],
    ['source', provenance?.backend],
    ['source-etag', provenance?.etag],
    ['source-modified', provenance?.modified?.toISOString()],
    ['copied', provenance?.copied.toISOString()],
    ['upload', upload],
    ['deleted', deleted?.toISOString()],
    ['lifted', lifted ? 'true' : undefined],
  ]
  const entries = [...user]
  for (const [key, value] of own) if (value !== undefined) entries.push([RESERVED + key, value])
  checkSize(entries, limit)
  return Object.fromEntries(entries)
}

/** Reads what `attributesToMetadata` wrote. Other metadata is returned unchanged. */
export function attributesFromMetadata(record: Readonly<Record<string, string>> = {}): KeptAttributes {
  if (Object.keys(record).length === 0) return {}
  const user = withoutReserved(record)
  const own = (key: string): string | undefined => record[RESERVED + key]
  const etag = own('etag')
  const modified = date(own('modified'))
  const upload = own('upload')
  const deleted = date(own('deleted'))
  const backend = own('source')
  const copied = date(own('copied'))
  const sourceETag = own('source-etag')
  const sourceModified = date(own('source-modified'))
  return {
    ...(Object.keys(user).length > 0 && { metadata: user }),
    ...(etag !== undefined && { etag }),
    ...(modified && { modified }),
    ...(upload !== undefined && { upload }),
    ...(deleted && { deleted }),
    ...(own('lifted') !== undefined && { lifted: true }),
    ...(backend !== undefined &&
      copied && {
        provenance: {
          backend,
          copied,
          ...(sourceETag !== undefined && { etag: sourceETag }),
          ...(sourceModified && { modified: sourceModified }),
        },
      }),
  }
}

/** Without what only this software may say about an object. */
export function withoutReserved(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([key]) => !key.startsWith(RESERVED)))
}

function date(text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const parsed = new Date(text)
  return Number.isNaN(parsed.getTime()) ? undefined : parsed
}

/** Throws `too-large` if the entries have more than `limit` UTF-8 bytes. */
export function checkSize(entries: [string, string][], limit: number): void {
  const size = entries.reduce(
    (sum, [key, value]) => sum + encoder.encode(key).length + encoder.encode(value).length,
    0,
  )
  if (size > limit)
    throw new StorageError(
      'too-large',
      `the metadata has ${size} bytes, and at most ${limit} can be stored`,
      {
        about: 'metadata',
      },
    )
}
