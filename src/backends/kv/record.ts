import type { ObjectAttributes } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { type ObjectInfo, representationOf } from '../../storage/object.ts'
import { sha256 } from '../../storage/sha256.ts'
import { attributesFromMetadata, attributesToMetadata } from '../attributes.ts'

/** The key in a value's metadata, so that the metadata of other software is not mistaken for this software's. */
const KEY = 'fallback-storage'
/** KV's own limit for a value's metadata as JSON (developers.cloudflare.com/kv/platform/limits). */
const MAX_METADATA_BYTES = 1024

/** Stored with each value, because KV itself has no size, time or version. */
export interface KvRecord {
  size: number
  etag: string
  /** Random for each write: a tombstone and an empty object have the same bytes. */
  version: string
  written: string
  expires?: string
  headers?: Record<string, string>
  metadata?: Record<string, string>
}

export async function newRecord(bytes: Uint8Array, info: ObjectAttributes): Promise<KvRecord> {
  const { expires, metadata: _, ...representation } = representationOf(info)
  const headers = mapValues(representation, toAscii)
  const metadata = mapValues(attributesToMetadata(info, MAX_METADATA_BYTES), toAscii)
  return {
    size: bytes.length,
    etag: await contentDigest(bytes),
    version: crypto.randomUUID().slice(0, 13),
    written: new Date().toISOString(),
    ...(expires && { expires: expires.toISOString() }),
    ...(Object.keys(headers).length > 0 && { headers }),
    ...(Object.keys(metadata).length > 0 && { metadata }),
  }
}

/** The record as KV's metadata. Throws `too-large` if KV would refuse it. */
export function toKvMetadata(record: KvRecord): Record<string, KvRecord> {
  const metadata = { [KEY]: record }
  const bytes = new TextEncoder().encode(JSON.stringify(metadata)).length
  if (bytes > MAX_METADATA_BYTES)
    throw new StorageError(
      'too-large',
      `the metadata has ${bytes} bytes including our own, and KV allows ${MAX_METADATA_BYTES}`,
      { about: 'metadata' },
    )
  return metadata
}

/** The record in a value's metadata; `undefined` if other software wrote the value. */
export function fromKvMetadata(metadata: unknown): KvRecord | undefined {
  const record = isObject(metadata) ? metadata[KEY] : undefined
  if (!isObject(record)) return undefined
  const { size, etag, version, written } = record
  if (typeof size !== 'number' || typeof etag !== 'string') return undefined
  if (typeof version !== 'string' || typeof written !== 'string') return undefined
  return { ...record, size, etag, version, written }
}

export function infoOfRecord(record: KvRecord, backend: string, name: string): ObjectInfo {
  const written = new Date(record.written)
  return {
    name,
    backend,
    size: record.size,
    etag: tagOfDigest(record.etag),
    modified: written,
    created: written,
    version: record.version,
    ...mapValues(record.headers ?? {}, fromAscii),
    ...(record.expires !== undefined && { expires: new Date(record.expires) }),
    ...attributesFromMetadata(mapValues(record.metadata ?? {}, fromAscii)),
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** The strong ETag of bytes with that digest. Without a dash, S3 clients would take 32 hex digits for an MD5. */
export function tagOfDigest(digest: string): string {
  return `"${digest}-0"`
}

/** The first half of the SHA-256 of the bytes. */
export async function contentDigest(bytes: Uint8Array): Promise<string> {
  return (await sha256(bytes)).toHex().slice(0, 32)
}

/** KV sends metadata in a header, which must be ASCII. */
function toAscii(text: string): string {
  return text.replace(/[^\u0020-\u007e]|%/gu, encodeURIComponent)
}

function fromAscii(text: string): string {
  return decodeURIComponent(text)
}

function mapValues(
  record: Readonly<Record<string, string>>,
  change: (text: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
