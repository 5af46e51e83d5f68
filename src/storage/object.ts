/** Where a migrated object came from. */
export interface Provenance {
  /** Name of the backend that the bytes were read from. */
  backend: string
  /** The source's ETag and modification time, as it gave them. */
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

/** Those fields of an object alone, as far as it has them. */
export function representationOf(info: Representation): Representation {
  const present = REPRESENTATION.filter((field) => info[field] !== undefined)
  return Object.fromEntries(present.map((field) => [field, info[field]])) as Representation
}

/** What is known of an object without its bytes. */
export interface ObjectInfo extends Representation {
  name: string
  /** Name of the backend that holds it. */
  backend: string
  /** Bytes of the whole object; absent when the backend does not say. */
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
  provenance?: Provenance
  /** When the name was deleted: the object is a tombstone and counts as absent. */
  deleted?: Date
  /** The tombstone hides nothing any more: the name is free here, for a write that replaces just this marker. */
  lifted?: boolean
  /** In complete listings: why nothing can be requested under this name, where the name itself doesn't show it. */
  invalid?: string
}

/** First and last byte, both included, as in Content-Range. */
export interface ByteRange {
  start: number
  end: number
}

/** A range as it is requested: `length` absent means to the end, `suffix` counts from the end. */
export type RangeRequest = { offset: number; length?: number } | { suffix: number }

/** An object and its bytes. The receiver must read `body` to its end or cancel it. */
export interface StoredObject extends ObjectInfo {
  body: ReadableStream<Uint8Array>
  /** The part that `body` holds; absent when it holds the whole object. */
  range?: ByteRange
  /** Present when the whole body is shared in memory with other requests for it at the same time. */
  shared?: SharedBody
}

/** One body read once from its source, held in memory, and read by many at their own pace. */
export interface SharedBody {
  /** Whether this request is the one that fetched it; the others joined. */
  readonly leader: boolean
  /**
   * Settles when every byte is in memory and this reader has taken them, has gone, or is slow.
   * Rejects when the source's body was not exactly as long as announced.
   */
  whole(): Promise<void>
  /** A further stream of all the bytes. It errors when the source's body was not exactly as long as announced. */
  stream(): ReadableStream<Uint8Array>
}
