import { cancelBody } from '../bodies/cancel.ts'
import type { Backend, MultipartUpload, PutOptions } from '../storage/backend.ts'
import type { ObjectInfo, StoredObject } from '../storage/object.ts'

/** The backend's methods; everything else is a plain property. */
export type Method = {
  [Key in keyof Backend]-?: NonNullable<Backend[Key]> extends (...args: never[]) => unknown ? Key : never
}[keyof Backend]

type Change<Key extends Method> = (next: NonNullable<Backend[Key]>) => NonNullable<Backend[Key]>

/** For each method that a wrapper changes, a function from the old one to the new one. */
export type Changes = { [Key in Method]?: Change<Key> }

/** The backend with some of its methods changed. Methods that it does not implement stay absent. */
export function intercept(backend: Backend, changes: Changes): Backend {
  const changed = { ...backend }
  for (const method of Object.keys(changes) as Method[]) change(changed, method, changes)
  return changed
}

function change<Key extends Method>(backend: Pick<Backend, Key>, method: Key, changes: Changes): void {
  const by: Change<Key> | undefined = changes[method]
  const next = backend[method]
  if (by && next) backend[method] = by(next)
}

/** Methods that only compute; all others may send a request. */
type LocalMethod = 'url' | 'path' | 'accepts' | 'resumeMultipartUpload'
type UploadMethod = Exclude<keyof MultipartUpload, 'id'>

/** One call of the backend, or of a multipart upload that was opened in it. */
export interface Call<Result> {
  method: Exclude<Method, LocalMethod> | UploadMethod
  /** What is sent. */
  body?: ReadableStream<Uint8Array> | Uint8Array
  signal?: AbortSignal | undefined
  lastResort?: boolean | undefined
  /** Releases what a result holds, for one that comes after its caller has gone. */
  discard?: (result: Result) => Promise<void>
}

/** Replaces the caller's signal, and limits how long a stream may be sent. */
export type Limits = Pick<PutOptions, 'signal' | 'timer'>

/** Makes the call, with those limits if they are given. */
export type Send<Result> = (limits?: Limits) => Promise<Result>

/** Runs around a call, and returns its result. */
export type Around = <Result>(call: Call<Result>, send: Send<Result>) => Promise<Result>

/**
 * Runs `around` for every call of the backend that may send a request, including those of multipart uploads. A method
 * that is missing here does not compile.
 */
export function interceptCalls(backend: Backend, around: Around): Backend {
  const changes: Required<Omit<Changes, 'url' | 'path' | 'accepts'>> = {
    get: (get) => (name, options) =>
      around(
        {
          method: 'get',
          signal: options?.signal,
          lastResort: options?.lastResort,
          discard: discardObject,
        },
        (limits) => get(name, within(limits, options)),
      ),
    head: (head) => (name, options) =>
      around({ method: 'head', signal: options?.signal, lastResort: options?.lastResort }, (limits) =>
        head(name, within(limits, options)),
      ),
    put: (put) => (name, body, options) =>
      around({ method: 'put', body, signal: options?.signal }, (limits) =>
        put(name, body, within(limits, options)),
      ),
    delete: (remove) => (name, options) =>
      around({ method: 'delete', signal: options?.signal }, (limits) =>
        remove(name, within(limits, options)),
      ),
    list: (list) => (options) =>
      around({ method: 'list', signal: options?.signal }, (limits) => list(within(limits, options))),
    createMultipartUpload: (create) => async (name, options) => {
      const call = {
        method: 'createMultipartUpload',
        signal: options?.signal,
        discard: discardUpload,
      } as const
      return interceptUpload(await around(call, (limits) => create(name, within(limits, options))), around)
    },
    resumeMultipartUpload: (resume) => (name, id) => interceptUpload(resume(name, id), around),
  }
  return intercept(backend, changes)
}

function interceptUpload(upload: MultipartUpload, around: Around): MultipartUpload {
  const methods: Required<Omit<MultipartUpload, 'id'>> = {
    uploadPart: (number, body, size, digests, sending) =>
      around({ method: 'uploadPart', body, signal: sending?.signal }, (limits) =>
        upload.uploadPart(number, body, size, digests, within(limits, sending)),
      ),
    complete: (parts, options) =>
      around({ method: 'complete', signal: options?.signal }, (limits) =>
        upload.complete(parts, within(limits, options)),
      ),
    abort: (options) =>
      around({ method: 'abort', signal: options?.signal }, (limits) => upload.abort(within(limits, options))),
  }
  return { ...upload, ...methods }
}

/** Runs `around` for the completion of each multipart upload of a name. */
export function interceptCompletions(
  around: (
    name: string,
    complete: () => ReturnType<MultipartUpload['complete']>,
  ) => Promise<ObjectInfo | null>,
) {
  const completing = (name: string, upload: MultipartUpload): MultipartUpload => ({
    ...upload,
    complete: (...args) => around(name, () => upload.complete(...args)),
  })
  return {
    createMultipartUpload: (create) => async (name, options) => completing(name, await create(name, options)),
    resumeMultipartUpload: (resume) => (name, id) => completing(name, resume(name, id)),
  } satisfies Changes
}

function within<Options extends object>(
  limits: Limits | undefined,
  options: Options | undefined,
): Options | undefined {
  return limits ? ({ ...options, ...limits } as Options) : options
}

async function discardObject(object: StoredObject | null): Promise<void> {
  await cancelBody(object?.body)
}

function discardUpload(upload: MultipartUpload): Promise<void> {
  return upload.abort()
}
