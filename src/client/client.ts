import type {
  Backends,
  Degraded,
  Explanation,
  ListdirPage,
  ListedObject,
  ListPage,
  PurgePage,
  TombstonePage,
  Undeleted,
} from '../schemas/answers.ts'
import type { Backfill, DifferencePage, FailurePage, Verification } from '../schemas/job-answers.ts'
import type { BackfillRequest, VerificationRequest } from '../schemas/requests.ts'
import {
  ApiError,
  type Call,
  checkPrefix,
  type ClientOptions,
  createCall,
  createSend,
  mediaBase,
  namePath,
  prefixPath,
  readJson,
  type Send,
} from './request.ts'

export type {
  BackendDescription,
  Backends,
  Degraded,
  Explanation,
  Finding,
  ListdirPage,
  ListedObject,
  ListPage,
  ProblemDocument,
  PurgePage,
  TombstonePage,
  Undeleted,
} from '../schemas/answers.ts'
export type {
  Backfill,
  BackfillFailure,
  Counters,
  Difference,
  DifferencePage,
  Estimate,
  FailurePage,
  Verification,
  Waiting,
} from '../schemas/job-answers.ts'
export type { BackfillRequest, VerificationRequest } from '../schemas/requests.ts'
export type { ClientOptions } from './request.ts'
export { ApiError, InvalidRequestError, mediaBase, namePath, toApiError } from './request.ts'

export interface PageOptions {
  /** 1 to 1000. */
  limit?: number
  cursor?: string
}

export interface ListOptions extends PageOptions {
  /** Fail rather than leave out what a failing backend holds. */
  strict?: boolean
}

export interface PurgeOptions extends PageOptions {
  prefix?: string
  dryRun?: boolean
}

/** Names to copy, one a line, for fallbacks that cannot list. */
export interface Manifest {
  body: BodyInit
  type: 'text/plain' | 'application/x-ndjson'
}

export interface OpenOptions {
  method?: 'GET' | 'HEAD'
  /** Conditions and ranges: If-None-Match, Range, … */
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface PutOptions {
  /** Content-Type, Cache-Control, `x-amz-meta-*`, If-None-Match, Repr-Digest, … */
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** The methods of the Django storage API, but for listdir. */
export interface Methods {
  /** Where a name is served. */
  mediaUrl(name: string): string
  /** The object as a response: 200, 206 or 304. */
  open(name: string, options?: OpenOptions): Promise<Response>
  /** Stores the body under that name, whatever was there. */
  put(name: string, body: BodyInit, options?: PutOptions): Promise<{ created: boolean; etag: string | null }>
  /** Stores the body under the first available name, and returns it. */
  save(name: string, body: BodyInit, options?: PutOptions): Promise<string>
  delete(name: string): Promise<void>
  exists(name: string): Promise<boolean>
  /** Up to 100 names at once. */
  existsAll(names: readonly string[]): Promise<Record<string, boolean>>
  /** Bytes. */
  size(name: string): Promise<number>
  /** `expiresIn`, in seconds, for presigned ones. */
  url(name: string, options?: { expiresIn?: number }): Promise<string>
  accessedTime(name: string): Promise<Date>
  createdTime(name: string): Promise<Date>
  modifiedTime(name: string): Promise<Date>
  validName(name: string): Promise<string>
  availableName(name: string): Promise<string>
  /** In the backend's own terms, e.g. `r2://bucket/key`. */
  path(name: string): Promise<string>
}

/** Backfills and verifications. */
export interface Jobs {
  startBackfill(request?: BackfillRequest, manifest?: Manifest): Promise<Backfill>
  /** Newest first. */
  backfills(): Promise<Backfill[]>
  backfill(id: string): Promise<Backfill>
  pauseBackfill(id: string): Promise<Backfill>
  resumeBackfill(id: string): Promise<Backfill>
  cancelBackfill(id: string): Promise<Backfill>
  retryFailed(id: string): Promise<Backfill>
  backfillFailures(id: string, options?: PageOptions): Promise<FailurePage>
  startVerification(request?: VerificationRequest): Promise<Verification>
  /** Newest first. */
  verifications(): Promise<Verification[]>
  verification(id: string): Promise<Verification>
  cancelVerification(id: string): Promise<Verification>
  differences(id: string, options?: PageOptions): Promise<DifferencePage>
  /** The certificate as a page of HTML. */
  verificationReport(id: string): Promise<string>
}

/** What a deployment can do, method by method; a failure is thrown as ApiError with the problem document. */
export interface Client extends Methods, Jobs {
  listdir(path: string, options?: ListOptions): Promise<ListdirPage>
  list(prefix: string, options?: ListOptions & { delimiter?: '/' }): Promise<ListPage>
  /** Every object whose name begins so, page after page; throws when a backend that can list fails. */
  listAll(prefix: string): AsyncGenerator<ListedObject>
  explain(name: string): Promise<Explanation>
  backends(): Promise<Backends>
  health(): Promise<{ status: string }>
  tombstones(options?: PageOptions & { prefix?: string }): Promise<TombstonePage>
  /** Removes tombstones of names that no fallback holds any more; `limit` is 200 at most. */
  purgeTombstones(options?: PurgeOptions): Promise<PurgePage>
  undelete(name: string): Promise<Undeleted>
}

/** A typed client of one deployment, for anything that has `fetch`. */
export function createClient(options: ClientOptions): Client {
  const send = createSend(options)
  const call = createCall(send)
  return {
    ...createMethods(mediaBase(options.url), send, call),
    ...createJobs(send, call),
    listdir: (path, query) => call(`listdir/${namePath(path)}`, { query: { ...query } }),
    list: (prefix, query) => call(`list/${prefixPath(prefix)}`, { query: { ...query } }),
    listAll: (prefix) => listAll(call, prefix),
    explain: (name) => call(`explain/${namePath(name)}`),
    backends: () => call('backends'),
    health: async () => readJson(await send('-/health')),
    async tombstones(query) {
      checkPrefix(query?.prefix)
      return call('tombstones', { query: { ...query } })
    },
    async purgeTombstones({ dryRun, ...rest } = {}) {
      checkPrefix(rest.prefix)
      const json = { ...rest, ...(dryRun !== undefined && { dry_run: dryRun }) }
      return call('tombstones/purge', { method: 'POST', json })
    },
    undelete: (name) => call(`undelete/${namePath(name)}`, { method: 'POST' }),
  }
}

async function* listAll(call: Call, prefix: string): AsyncGenerator<ListedObject> {
  let cursor: string | undefined
  do {
    const page: ListPage = await call(`list/${prefixPath(prefix)}`, { query: { cursor } })
    yield* page.objects
    const failed = (page.backends ?? []).filter(({ error }) => error !== 'unsupported')
    if (failed.length > 0) throw incomplete(failed)
    cursor = page.cursor ?? undefined
  } while (cursor !== undefined)
}

/** What the Worker would answer with `strict`, which also refuses backends that cannot list at all. */
function incomplete(backends: Degraded[]): ApiError {
  const detail = 'the listing lacks what these backends hold'
  return new ApiError({ type: 'about:blank', title: 'A backend failed', status: 502, detail, backends })
}

function createMethods(base: string, send: Send, call: Call): Methods {
  /** Most routes answer with one member beside the name. */
  const valueOf = async <Value>(method: string, name: string, query = {}): Promise<Value> => {
    const answer = await call<Record<string, Value>>(`${method}/${namePath(name)}`, { query })
    return answer[MEMBERS[method] ?? method] as Value
  }
  const time = async (method: string, name: string) => new Date(await valueOf<string>(method, name))
  return {
    mediaUrl: (name) => base + namePath(name),
    open: (name, options) => send(namePath(name), options),
    async put(name, body, options) {
      const response = await send(namePath(name), { ...options, method: 'PUT', body })
      return { created: response.status === 201, etag: response.headers.get('ETag') }
    },
    async save(name, body, options) {
      const route = `save/${namePath(name)}`
      return (await call<{ name: string }>(route, { ...options, method: 'POST', body })).name
    },
    async delete(name) {
      await send(`-/api/delete/${namePath(name)}`, { method: 'DELETE' })
    },
    exists: (name) => valueOf('exists', name),
    async existsAll(names) {
      const json = { names }
      return (await call<{ exists: Record<string, boolean> }>('exists', { method: 'POST', json })).exists
    },
    size: (name) => valueOf('size', name),
    url: (name, { expiresIn } = {}) => valueOf('url', name, { expires_in: expiresIn }),
    accessedTime: (name) => time('accessed_time', name),
    createdTime: (name) => time('created_time', name),
    modifiedTime: (name) => time('modified_time', name),
    validName: (name) => valueOf('get_valid_name', name),
    availableName: (name) => valueOf('get_available_name', name),
    path: (name) => valueOf('path', name),
  }
}

const MEMBERS: Record<string, string> = {
  get_valid_name: 'valid_name',
  get_available_name: 'available_name',
}

function createJobs(send: Send, call: Call): Jobs {
  const control = (action: string) => (id: string) =>
    call<Backfill>(`backfills/${encodeURIComponent(id)}/${action}`, { method: 'POST' })
  return {
    async startBackfill(request = {}, manifest) {
      checkPrefix(request.prefix)
      checkPrefix(request.manifest)
      if (!manifest) return call('backfills', { method: 'POST', json: request })
      const { backends, ...query } = request
      return call('backfills', {
        method: 'POST',
        query: { ...query, backends: backends?.join(',') },
        headers: { 'Content-Type': manifest.type },
        body: manifest.body,
      })
    },
    backfills: async () => (await call<{ backfills: Backfill[] }>('backfills')).backfills,
    backfill: (id) => call(`backfills/${encodeURIComponent(id)}`),
    pauseBackfill: control('pause'),
    resumeBackfill: control('resume'),
    cancelBackfill: control('cancel'),
    retryFailed: control('retry_failed'),
    backfillFailures: (id, { limit, cursor } = {}) =>
      call(`backfills/${encodeURIComponent(id)}/failures`, { query: { limit, cursor } }),
    async startVerification(request = {}) {
      checkPrefix(request.prefix)
      return call('verifications', { method: 'POST', json: request })
    },
    verifications: async () => (await call<{ verifications: Verification[] }>('verifications')).verifications,
    verification: (id) => call(`verifications/${encodeURIComponent(id)}`),
    cancelVerification: (id) => call(`verifications/${encodeURIComponent(id)}/cancel`, { method: 'POST' }),
    verificationReport: async (id) =>
      (await send(`-/api/verifications/${encodeURIComponent(id)}/report`)).text(),
    differences: (id, { limit, cursor } = {}) =>
      call(`verifications/${encodeURIComponent(id)}/differences`, { query: { limit, cursor } }),
  }
}
