/** Where a migrated object came from. */
export interface Provenance {
  /** Name of the backend that the bytes were read from. */
  backend: string
  /** The source's own ETag and modification time. */
  etag?: string
  modified?: Date
  /** When the copy was made. */
  copied: Date
}

/** Digests of the whole object's bytes, lower-case hex. */
export interface Digests {
  md5?: string
  sha1?: string
  sha256?: string
  sha512?: string
  crc32?: string
  crc32c?: string
  crc64nvme?: string
}

/** The headers and user metadata that belong to an object's representation. */
export interface Representation {
  contentType?: string
  contentLanguage?: string
  contentDisposition?: string
  contentEncoding?: string
  cacheControl?: string
  expires?: Date
  /** User metadata, names in lower case and without `x-amz-meta-`. */
  metadata?: Readonly<Record<string, string>>
}

const REPRESENTATION = [
  'contentType',
  'contentLanguage',
  'contentDisposition',
  'contentEncoding',
  'cacheControl',
  'expires',
  'metadata',
] as const

/** Only these fields of an object, if it has them. */
export function representationOf(info: Representation): Representation {
  const present = REPRESENTATION.filter((field) => info[field] !== undefined)
  return Object.fromEntries(present.map((field) => [field, info[field]])) as Representation
}

/** What is known about an object without its bytes. */
export interface ObjectInfo extends Representation {
  name: string
  /** Name of the backend that holds it. */
  backend: string
  /** Bytes of the whole object; absent if the backend does not report it. */
  size?: number
  /** Quoted entity tag, as HTTP sends it. A copy keeps its source's. */
  etag?: string
  /** Last modification. A copy keeps its source's. */
  modified?: Date
  created?: Date
  accessed?: Date
  /** The backend's own tag of this very version, for conditional writes; opaque. */
  version?: string
  digests?: Digests
  /** The ETag is no digest, whatever it looks like: the object is encrypted with SSE-KMS or SSE-C. Listings of S3 don't tell. */
  isETagOpaque?: true
  provenance?: Provenance
  /** Identifies the multipart upload of an S3 client that stored it. */
  upload?: string
  /** When the name was deleted: the object is a tombstone and counts as absent. */
  deleted?: Date
  /** The tombstone hides nothing any more: the name is free, for a write that replaces exactly this marker. */
  lifted?: boolean
  /**
   * It is served in place of the object, so it is never copied or cached: the original of a derivative, a placeholder, or
   * a redirect to where clients can fetch it. Only in reads of media.
   */
  substitute?: 'original' | 'placeholder' | 'redirect'
  /** In complete listings: why nothing can be requested under this name, if the name itself doesn't show it. */
  invalid?: string
  /** It stands for a directory that cannot be listed, so that what is in it is not known. */
  unlistable?: true
}

/** First and last byte, both included, as in Content-Range. */
export interface ByteRange {
  start: number
  end: number
}

/** A requested range: without `length`, it extends to the end; `suffix` counts from the end. */
export type RangeRequest = { offset: number; length?: number } | { suffix: number }

/** An object and its bytes. The receiver must read `body` to its end or cancel it. */
export interface StoredObject extends ObjectInfo {
  body: ReadableStream<Uint8Array>
  /** The part that is in `body`; absent if it is the whole object. */
  range?: ByteRange
  /** Present if the whole body is shared in memory with concurrent requests for it. */
  shared?: SharedBody
}

/** How many bytes are in the object's body, if that is known. */
export function bodyLength({ range, size }: StoredObject): number | undefined {
  return range ? range.end - range.start + 1 : size
}

/** A body that is read once from its source into memory, and from there by many at their own pace. */
export interface SharedBody {
  /** Whether this request is the one that fetched it; the others joined. */
  readonly leader: boolean
  /** Whether one of those who share it makes a copy; the one that fetched it may not be allowed to, or not need it any more. */
  readonly copy: { begun: boolean }
  /**
   * Settles when every byte is in memory and this reader has read them, is gone, or is slow.
   * Rejects if the source's body was not exactly as long as announced.
   */
  whole(): Promise<void>
  /** Another stream of all the bytes. It errors if the source's body was not exactly as long as announced. */
  stream(): ReadableStream<Uint8Array>
}
