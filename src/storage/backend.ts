import type { Digests, ObjectInfo, RangeRequest, Representation, StoredObject } from './object.ts'
import type { Trace } from './trace.ts'

export interface ReadOptions {
  signal?: AbortSignal | undefined
  /** Appended to by a chain; a single backend ignores it. */
  trace?: Trace
  /** No other backend can answer: a breaker that is half-open lets more of these through. */
  lastResort?: boolean
}

export interface GetOptions extends ReadOptions {
  range?: RangeRequest
  /** The client's If-Range: where the object is another one, a backend may answer with the whole of it at once. */
  ifRange?: string
  /** Quoted ETag that the object must still have, else `precondition` is thrown. */
  ifMatch?: string
  /** Quoted ETag that the caller has already: a backend may leave the body empty where the object still has it. */
  ifNoneMatch?: string
}

/** The condition of a write: nothing is there, or exactly the version that `head` reported. */
export type PutCondition = 'absent' | { version: string }

/** Whether what `head` found meets the condition of a write. */
export function conditionHolds(condition: PutCondition, found: Pick<ObjectInfo, 'version'> | null): boolean {
  return condition === 'absent' ? found === null : found?.version === condition.version
}

export interface PutOptions {
  /** Bytes in `body`; required for a stream. A body of another length stores nothing and throws `corrupt`. */
  size?: number | undefined
  /** What is kept beside the bytes. `etag`, `modified` and `provenance` are given for copies, `deleted` for tombstones. */
  info?: ObjectAttributes
  onlyIf?: PutCondition
  /** What the bytes must hash to; a difference stores nothing and throws `corrupt`. */
  digests?: Digests | undefined
  signal?: AbortSignal | undefined
}

export type ObjectAttributes = Representation &
  Pick<ObjectInfo, 'etag' | 'modified' | 'provenance' | 'deleted' | 'lifted'>

export interface ListOptions {
  /** Only names that begin so. Default: all. */
  prefix?: string
  /** Names that go on with `/` after the prefix are rolled up into directories. */
  delimiter?: '/'
  /** Most entries (objects + directories) in the page, 1 to 1000. Default 1000. */
  limit?: number
  /** Only names after this one in UTF-8 byte order; backends with `listsAfter` only. */
  after?: string
  /** `cursor` of the page before; opaque, the backend's own. */
  cursor?: string
  /** Also what the backend's `include` and `exclude` leave out (see `accepts`), and a key without a name (""). Not with a delimiter. */
  everything?: boolean
  signal?: AbortSignal | undefined
}

/** Entries in UTF-8 byte order. A page may be short or empty and still have a cursor. */
export interface ListPage {
  /** At least name, backend and size where the backend lists it; a tombstone has `deleted`. */
  objects: ObjectInfo[]
  /** Full names up to and including the `/`. */
  directories: string[]
  /** Absent on the last page. */
  cursor?: string
}

/** Two or more parts that become one object. Every part but the last has the same size, at least 5 MiB. */
export interface MultipartUpload {
  /** What the backend knows it by. */
  readonly id: string
  /** Stores part `number` (from 1). A stream needs its `size`. */
  uploadPart(number: number, body: ReadableStream<Uint8Array> | Uint8Array, size: number): Promise<void>
  /** `null` when the upload's `onlyIf` does not hold: then nothing was stored and the upload is aborted. */
  complete(): Promise<ObjectInfo | null>
  abort(): Promise<void>
}

/**
 * One place where objects may live. Backends are object literals without `this`, so a wrapper is a spread.
 *
 * A miss is `null`, a failure throws StorageError. Optional methods are capabilities: a backend without one is passed over.
 */
export interface Backend {
  readonly name: string
  readonly type: 'r2' | 'kv' | 's3' | 'http' | 'memory' | 'chain'
  get(name: string, options?: GetOptions): Promise<StoredObject | null>
  /** Opens no body. */
  head(name: string, options?: ReadOptions): Promise<ObjectInfo | null>
  /** What was stored, or `null` when `onlyIf` did not hold. */
  put?(
    name: string,
    body: ReadableStream<Uint8Array> | Uint8Array,
    options?: PutOptions,
  ): Promise<ObjectInfo | null>
  /** Removes the object itself, whether or not it is there. */
  delete?(name: string): Promise<void>
  /** For bodies of unknown length and those over what one put takes. `onlyIf` is checked when it completes. */
  createMultipartUpload?(name: string, options?: PutOptions): Promise<MultipartUpload>
  /** Aborts an upload that was left open; succeeds where it is gone already. */
  abortMultipartUpload?(name: string, id: string): Promise<void>
  list?(options?: ListOptions): Promise<ListPage>
  /** `list` takes `after`. */
  readonly listsAfter?: boolean
  /** Where a client can fetch the object; `base` is this Worker's own public media base, ending in `/`. */
  url?(name: string, options: UrlOptions): Promise<string>
  /** The object's place in the backend's own terms, e.g. `r2://bucket/key`. */
  path?(name: string): string
  /** Whether the backend could take that name at all (kv: 512 bytes; include and exclude). Default: yes. */
  accepts?(name: string): boolean
  /** Largest object in bytes that it takes (kv: 25 MiB). Default: no limit. */
  readonly maxSize?: number
  /** Largest body of one put in bytes; above, multipart. Default: no limit. */
  readonly maxPutSize?: number
}

export interface UrlOptions {
  base: string
  /** Seconds a presigned URL stays valid. */
  expiresIn?: number
}

/** How a backend has done lately. */
export interface BackendHealth {
  state: 'closed' | 'open' | 'half-open'
  /** Failures within the breaker's window. */
  failures: number
  /** Newest last. */
  recentErrors: { at: Date; code: string; detail: string }[]
  /** Milliseconds to headers over the last answers; absent before the first. */
  latency?: { p50: number; p95: number; p99: number; count: number }
}

export interface WritableBackend extends Backend {
  put: NonNullable<Backend['put']>
  delete: NonNullable<Backend['delete']>
}

export interface ListableBackend extends Backend {
  list: NonNullable<Backend['list']>
}

export function isWritable(backend: Backend): backend is WritableBackend {
  return backend.put !== undefined && backend.delete !== undefined
}

export function isListable(backend: Backend): backend is ListableBackend {
  return backend.list !== undefined
}
