import type { Digests, ObjectInfo, RangeRequest, Representation, StoredObject } from './object.ts'
import type { Trace } from './trace.ts'

export interface ReadOptions {
  signal?: AbortSignal | undefined
  /** A chain appends to it; a single backend ignores it. */
  trace?: Trace | undefined
  /** No other backend can answer: a breaker that is half-open lets more of these through. */
  lastResort?: boolean | undefined
  /** The backend itself must answer: a remembered miss does not count. */
  fresh?: boolean | undefined
  /** A client waits for it: a chain may start backends before their turn (speculative requests). */
  speculative?: boolean
  /** Of a speculative request: settles once its result is needed, or rejects if it is not. No body is read before. */
  needed?: Promise<void> | undefined
  /** Called when an object was found and is held until then. */
  onHeld?: (() => void) | undefined
}

export interface GetOptions extends ReadOptions {
  range?: RangeRequest | undefined
  /** The client's If-Range: if it does not match, a backend may return the whole object at once. */
  ifRange?: string | undefined
  /** Quoted ETag that the object must still have, else `precondition` is thrown. */
  ifMatch?: string | undefined
  /** Quoted ETag that the caller already has: if the object still has it, a backend may leave the body empty. */
  ifNoneMatch?: string | undefined
}

/** The condition of a write: there is no object, or exactly the version that `head` reported. */
export type PutCondition = 'absent' | { version: string }

/** Whether the result of `head` meets the condition of a write. */
export function conditionHolds(condition: PutCondition, found: Pick<ObjectInfo, 'version'> | null): boolean {
  return condition === 'absent' ? found === null : found?.version === condition.version
}

export interface PutOptions {
  /** Bytes in `body`; required for a stream. A body of another length stores nothing and throws `corrupt`. */
  size?: number | undefined
  /** What is stored with the bytes. Copies have `etag`, `modified` and `provenance`; tombstones have `deleted`. */
  info?: ObjectAttributes | undefined
  onlyIf?: PutCondition | undefined
  /** The expected digests of the bytes. If one differs, nothing is stored and `corrupt` is thrown. */
  digests?: Digests | undefined
  signal?: AbortSignal | undefined
  timer?: SendTimer | undefined
}

/** The time limit of a stream that is sent: a backend pauses it while it waits for the body's next bytes. */
export interface SendTimer {
  /** Starts from the beginning. */
  start(): void
  pause(): void
}

export type ObjectAttributes = Representation &
  Pick<ObjectInfo, 'etag' | 'modified' | 'provenance' | 'upload' | 'deleted' | 'lifted'>

export interface ListOptions {
  /** Only names with this prefix. Default: all. */
  prefix?: string | undefined
  /** Names that contain a `/` after the prefix are rolled up into directories. */
  delimiter?: '/' | undefined
  /** Most entries (objects + directories) in the page, 1 to 1000. Default 1000. */
  limit?: number | undefined
  /** Only names after this one in UTF-8 byte order; backends with `listsAfter` only. */
  after?: string | undefined
  /** `cursor` of the previous page; opaque, defined by the backend. */
  cursor?: string | undefined
  /** Also objects that the backend's `include` and `exclude` filter out (see `accepts`), and a key without a name (""). Not with a delimiter. */
  everything?: boolean
  /** An entry whose size is that of a tombstone may be one although it has no `deleted`, where finding out takes a request each. */
  unchecked?: boolean
  signal?: AbortSignal | undefined
}

/** Entries in UTF-8 byte order. A page may be short or empty and still have a cursor. */
export interface ListPage {
  /** At least name, backend and, if the backend lists it, size; a tombstone has `deleted`. */
  objects: ObjectInfo[]
  /** Full names up to and including the `/`. */
  directories: string[]
  /** Absent on the last page. */
  cursor?: string
  /** Why names may be missing, if what was rolled up is not listed in the order of bytes. */
  disorder?: string
}

/** A stored part, as `complete` needs it. */
export interface UploadedPart {
  number: number
  /** The backend's own tag of its bytes; opaque, without quotes. */
  tag: string
  size: number
}

/**
 * Parts that become one object. Every part but the last has the same size, at least 5 MiB. Nothing is remembered between
 * calls, so an upload can be resumed in another request. One that is gone throws `precondition`.
 */
export interface MultipartUpload {
  /** The backend's id of the upload. */
  readonly id: string
  /** Stores part `number` (from 1), or replaces it. A stream needs its `size`. If a digest differs, nothing is stored. */
  uploadPart(
    number: number,
    body: ReadableStream<Uint8Array> | Uint8Array,
    size: number,
    digests?: Digests,
    sending?: Pick<PutOptions, 'signal' | 'timer'>,
  ): Promise<UploadedPart>
  /**
   * Joins the parts, which are in ascending order. `options` are those of `createMultipartUpload`; `null` if `onlyIf` does not
   * hold: then nothing was stored and the upload is aborted.
   */
  complete(parts: readonly UploadedPart[], options?: PutOptions): Promise<ObjectInfo | null>
  /** Succeeds if it is already gone. */
  abort(options?: Pick<PutOptions, 'signal'>): Promise<void>
}

/** Bytes of the object that the parts become. */
export function sizeOfParts(parts: readonly UploadedPart[]): number {
  return parts.reduce((sum, { size }) => sum + size, 0)
}

/**
 * A place where objects are stored. Backends are object literals without `this`, so a wrapper is a spread.
 *
 * A miss is `null`, a failure throws StorageError. Optional methods are capabilities: a backend without one is skipped.
 */
export interface Backend {
  readonly name: string
  readonly type: 'r2' | 'kv' | 's3' | 'http' | 'custom' | 'memory' | 'chain'
  get(name: string, options?: GetOptions): Promise<StoredObject | null>
  /** Opens no body. */
  head(name: string, options?: ReadOptions): Promise<ObjectInfo | null>
  /** The stored object, or `null` if `onlyIf` did not hold. */
  put?(
    name: string,
    body: ReadableStream<Uint8Array> | Uint8Array,
    options?: PutOptions,
  ): Promise<ObjectInfo | null>
  /** Removes the object itself, whether or not it exists. */
  delete?(name: string, options?: Pick<PutOptions, 'signal'>): Promise<void>
  /** For bodies of unknown length, and those too large for one put. `onlyIf` is checked on completion. */
  createMultipartUpload?(name: string, options?: PutOptions): Promise<MultipartUpload>
  /** An upload that was created before, by its id. Sends no request, so a wrong id shows at the first use. */
  resumeMultipartUpload?(name: string, id: string): MultipartUpload
  list?(options?: ListOptions): Promise<ListPage>
  /** `list` supports `after`. */
  readonly listsAfter?: boolean
  /** A URL at which clients can fetch the object; `base` is this Worker's own public media base, ending in `/`. */
  url?(name: string, options: UrlOptions): Promise<string>
  /** The object's path inside the backend, e.g. `r2://bucket/key`. */
  path?(name: string): string
  /** Whether the backend accepts the name (kv: 512 bytes; include and exclude). Default: yes. */
  accepts?(name: string): boolean
  /** Longest name in UTF-8 bytes, which `accepts` checks. Default: 1024. */
  readonly maxNameBytes?: number
  /** It repeats every change of the primary (`keep-deleted`: except deletes), and takes no other writes. Default: it is no mirror. */
  readonly mirror?: 'all' | 'keep-deleted'
  /** Largest object in bytes (kv: 25 MiB). Default: no limit. */
  readonly maxSize?: number
  /** Largest body of one put in bytes; larger bodies need multipart. Default: no limit. */
  readonly maxPutSize?: number
}

export interface UrlOptions {
  base: string
  /** Seconds a presigned URL stays valid. */
  expiresIn?: number | undefined
}

/** The recent health of a backend. */
export interface BackendHealth {
  state: 'closed' | 'open' | 'half-open'
  /** Failures within the breaker's window. */
  failures: number
  /** Newest last. */
  recentErrors: { at: Date; code: string; detail: string }[]
  /** Milliseconds until the headers of recent responses; absent before the first. */
  latency?: { p50: number; p95: number; p99: number; count: number }
}

export interface WritableBackend extends Backend {
  put: NonNullable<Backend['put']>
  delete: NonNullable<Backend['delete']>
}

/** Stores objects in parts, too. */
export interface PartsBackend extends WritableBackend {
  createMultipartUpload: NonNullable<Backend['createMultipartUpload']>
  resumeMultipartUpload: NonNullable<Backend['resumeMultipartUpload']>
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

export function takesParts(backend: Backend): backend is PartsBackend {
  return (
    isWritable(backend) &&
    backend.createMultipartUpload !== undefined &&
    backend.resumeMultipartUpload !== undefined
  )
}
