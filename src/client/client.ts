import type { Answers, Degraded, ListedObject } from '../schemas/answers.ts'
import type {
  BackfillRequest,
  PurgeCacheRequest,
  ResyncRequest,
  VerificationRequest,
} from '../schemas/requests.ts'
import type { FailureCounts, FailurePage } from '../schemas/job-answers.ts'
import type { DifferenceKind, SeriesKind } from '../schemas/reasons.ts'
import {
  ApiError,
  checkPrefix,
  type ClientOptions,
  createSend,
  mediaBase,
  namePath,
  prefixPath,
  readJson,
  type RequestOptions,
} from './request.ts'

export type * from '../schemas/answers.ts'
export type * from '../schemas/job-answers.ts'
export type { BackfillRequest, PurgeCacheRequest, VerificationRequest } from '../schemas/requests.ts'
export type { ClientOptions } from './request.ts'
export { ApiError, InvalidRequestError, mediaBase } from './request.ts'

/** Undefined is the same as leaving a value out. */
type Loose<Options> = { [Key in keyof Options]: Options[Key] | undefined }

interface PageOptions {
  /** 1 to 1000. */
  limit?: number | undefined
  cursor?: string | undefined
}

export interface ListOptions extends PageOptions {
  /** Fail rather than omit a failing backend's objects. */
  strict?: boolean | undefined
}

export interface UrlOptions {
  /** The lifetime of a signed or presigned URL, in seconds: at most seven days. */
  expiresIn?: number | undefined
  /** Sent instead of the object's own Content-Disposition: `attachment; filename="a.jpg"`. */
  contentDisposition?: string | undefined
}

/** Names to copy, for fallbacks that cannot list: one per line, or in the column `name` or `key`. May be gzipped. */
export interface Manifest {
  body: BodyInit
  type: 'text/plain' | 'text/csv' | 'application/x-ndjson'
}

/** `headers`: Range, If-None-Match, Content-Type, Cache-Control, `x-amz-meta-*`, Repr-Digest, … */
export type TransferOptions = Pick<RequestOptions, 'headers' | 'signal' | 'redirect'>

export type PreviewOptions = TransferOptions & { version?: string | undefined }

/** A typed client of one deployment. */
export type Client = ReturnType<typeof createClient>

/** A client for anything that has `fetch`. A failure is thrown as an ApiError with the problem document. */
export function createClient(options: ClientOptions) {
  const base = mediaBase(options.url)
  const send = createSend(options)
  const call = async <Answer>(route: string, request?: RequestOptions): Promise<Answer> =>
    readJson(await send(`-/api/${route}`, request))
  const get = <Id extends keyof Answers>(route: string, query?: RequestOptions['query']) =>
    call<Answers[Id]>(route, { query })
  const post = <Id extends keyof Answers>(route: string, json?: object) =>
    call<Answers[Id]>(route, { method: 'POST', json })
  const list = (
    prefix: string,
    query?: ListOptions & {
      delimiter?: '/' | undefined
      /** List this one alone. */
      backend?: string | undefined
    },
  ) => get<'list'>(`list/${prefixPath(prefix)}`, { ...query })
  /** One field of a response about a name. */
  const field =
    <Id extends keyof Answers, Field extends keyof Answers[Id]>(id: Id, route: string, key: Field) =>
    async (name: string) =>
      (await get<Id>(`${route}/${namePath(name)}`))[key]
  const job = (kind: 'backfills' | 'verifications', id: string) => `${kind}/${encodeURIComponent(id)}`

  return {
    /** The URL at which a name is served. */
    mediaUrl: (name: string) => base + namePath(name),
    /** The object as a response: 200, 206 or 304. */
    open: (name: string, request?: TransferOptions & { method?: 'GET' | 'HEAD' }) =>
      send(namePath(name), { redirect: 'follow', ...request }),
    /** The same, but never a redirect, a placeholder or another object in place of a missing one. */
    openStored: (name: string, request?: TransferOptions & { method?: 'GET' | 'HEAD' }) =>
      send(`-/api/open/${namePath(name)}`, request),
    /** Stores the body under this name and replaces what was there. */
    async put(name: string, body: BodyInit, request?: TransferOptions) {
      const { status, headers } = await send(namePath(name), { ...request, method: 'PUT', body })
      return { created: status === 201, etag: headers.get('ETag') }
    },
    /** Stores the body under the first available name, and returns that name. */
    async save(name: string, body: BodyInit, request?: TransferOptions) {
      const route = `save/${namePath(name)}`
      return (await call<Answers['save']>(route, { ...request, method: 'POST', body })).name
    },
    async delete(name: string) {
      await send(`-/api/delete/${namePath(name)}`, { method: 'DELETE' })
    },
    /** Deletes the object on conditions: If-Match, If-Unmodified-Since. It needs a token, sessions are for the API only. */
    async deleteIf(name: string, headers: NonNullable<TransferOptions['headers']>) {
      await send(namePath(name), { method: 'DELETE', headers })
    },
    exists: field('exists', 'exists', 'exists'),
    /** Up to 100 names at once. */
    existsAll: async (names: readonly string[]) => (await post<'existsAll'>('exists', { names })).exists,
    /** In bytes. */
    size: field('size', 'size', 'size'),
    /** Where a client can fetch the object. A signed URL works without a token until it expires. */
    url: async (name: string, { expiresIn, contentDisposition }: UrlOptions = {}) =>
      (
        await get<'url'>(`url/${namePath(name)}`, {
          expires_in: expiresIn,
          'response-content-disposition': contentDisposition,
        })
      ).url,
    accessedTime: async (name: string) =>
      new Date(await field('accessedTime', 'accessed_time', 'accessed_time')(name)),
    createdTime: async (name: string) =>
      new Date(await field('createdTime', 'created_time', 'created_time')(name)),
    modifiedTime: async (name: string) =>
      new Date(await field('modifiedTime', 'modified_time', 'modified_time')(name)),
    validName: field('getValidName', 'get_valid_name', 'valid_name'),
    availableName: field('getAvailableName', 'get_available_name', 'available_name'),
    /** The path inside the backend, e.g. `r2://bucket/key`. */
    path: field('path', 'path', 'path'),

    listdir: (path: string, query?: ListOptions) => get<'listdir'>(`listdir/${namePath(path)}`, { ...query }),
    list,
    /** Every object whose name begins with the prefix; throws if a backend that can list fails. */
    async *listAll(prefix: string): AsyncGenerator<ListedObject> {
      for await (const page of pages((cursor) => list(prefix, { cursor }))) {
        yield* page.objects
        const failed = (page.backends ?? []).filter(({ error }) => error !== 'unsupported')
        if (failed.length > 0) throw incomplete(failed)
      }
    },
    explain: (name: string) => get<'explain'>(`explain/${namePath(name)}`),
    backends: () => get<'listBackends'>('backends'),
    /** How far each mirror is behind. */
    mirrors: async () => (await get<'listMirrors'>('mirrors')).mirrors,
    /** Counts over time; `step` is 60 (kept for a day), 900 (two weeks) or 86,400 (400 days) seconds. */
    series: (what: SeriesKind, { from, step }: { from?: Date; step?: 60 | 900 | 86_400 } = {}) =>
      get<'getSeries'>('series', { what, from: from?.toISOString(), step }),
    /** Which fallbacks are still needed. */
    dependence: () => get<'getDependence'>('dependence'),
    /** The URL of a read that the cookie of a session allows, too. */
    openUrl: (name: string) => `${base}-/api/open/${namePath(name)}`,
    /** The URL at which an object is shown without a copy, and without counting as a read. Browsers keep what it shows for a minute, unless `version` changes. */
    previewUrl: (name: string, version?: string) => base + previewPath(name, version),
    /** The same as a response: 200, 206 or 304. */
    preview: (name: string, { version, ...request }: PreviewOptions = {}) =>
      send(previewPath(name, version), request),
    /** Copies up to 100 names into the primary now. */
    migrate: async (names: readonly string[]) => (await post<'migrate'>('migrate', { names })).results,
    /** What each source has said of its changes, and what came of it. */
    events: async () => (await get<'listEvents'>('events')).sources,
    /** Names that were saved here and differ at a source, the latest first. */
    conflicts: (query?: PageOptions) => get<'listConflicts'>('conflicts', { ...query }),
    /** Takes the name off that list: what was saved here stays. */
    async dismissConflict(backend: string, name: string) {
      await send(`-/api/conflicts/${namePath(name)}`, { method: 'DELETE', query: { backend } })
    },
    /** Copies and events that were given up, the latest first. */
    deadCopies: (query?: Pick<PageOptions, 'limit'>) => get<'listDeadCopies'>('dead_copies', { ...query }),
    /** Who is signed in. */
    session: () => get<'getSession'>('session'),
    /** Starts a session of a browser: its cookie replaces the token. */
    signIn: (token: string) => post<'signIn'>('session', { token }),
    async signOut() {
      await send('-/api/session', { method: 'DELETE' })
    },
    health: async () => readJson<Answers['health']>(await send('-/health')),
    tombstones: async (query: PageOptions & { prefix?: string | undefined } = {}) =>
      get<'listTombstones'>('tombstones', { ...query, prefix: checkPrefix(query.prefix) }),
    /** Removes tombstones of names that no fallback has any more; `limit` is at most 200. */
    purgeTombstones: async ({
      prefix,
      dryRun,
      ...page
    }: PageOptions & { prefix?: string | undefined; dryRun?: boolean | undefined } = {}) =>
      post<'purgeTombstones'>('tombstones/purge', { ...page, prefix: checkPrefix(prefix), dry_run: dryRun }),
    undelete: (name: string) => post<'undelete'>(`undelete/${namePath(name)}`),
    /** What was replaced or deleted under the name, newest first. */
    priorVersions: async (name: string) =>
      (await get<'listPriorVersions'>(`prior_versions/${namePath(name)}`)).versions,
    /** Stores a prior version under its name again: the newest, unless `time` says which. */
    restore: (name: string, time?: string) => post<'restore'>(`restore/${namePath(name)}`, { time }),
    /** Removes up to 100 names, or all that begin with a prefix, from the edge cache. */
    purgeCache: async (target: PurgeCacheRequest) => {
      for (const name of [...(target.names ?? []), target.prefix]) checkPrefix(name)
      return post<'purgeCache'>('cache/purge', target)
    },

    async startBackfill(request: Loose<BackfillRequest> = {}, names?: Manifest) {
      const { manifest, ...options } = request
      checkPrefix(request.prefix)
      checkPrefix(typeof manifest === 'object' ? manifest.name : manifest)
      if (!names) return post<'startBackfill'>('backfills', request)
      return call<Answers['startBackfill']>('backfills', {
        method: 'POST',
        query: { ...options, backends: request.backends?.join(',') },
        headers: { 'Content-Type': names.type },
        body: names.body,
      })
    },
    /** Newest first. */
    backfills: async () => (await get<'listBackfills'>('backfills')).backfills,
    backfill: (id: string) => get<'getBackfill'>(job('backfills', id)),
    pauseBackfill: (id: string) => post<'pauseBackfill'>(`${job('backfills', id)}/pause`),
    resumeBackfill: (id: string) => post<'resumeBackfill'>(`${job('backfills', id)}/resume`),
    cancelBackfill: (id: string) => post<'cancelBackfill'>(`${job('backfills', id)}/cancel`),
    retryFailed: (id: string) => post<'retryFailedBackfill'>(`${job('backfills', id)}/retry_failed`),
    backfillFailures: (id: string, query?: PageOptions & { error?: string | undefined }) =>
      call<FailurePage>(`${job('backfills', id)}/failures`, { query: { ...query } }),
    /** All of them as a file, which can be the manifest of another backfill. */
    exportFailures: (id: string, query: { format: 'csv' | 'ndjson'; error?: string | undefined }) =>
      send(`-/api/${job('backfills', id)}/failures`, { query }),
    /** How many names failed for each reason. */
    backfillFailureCounts: async (id: string) =>
      (await call<FailureCounts>(`${job('backfills', id)}/failures`, { query: { by: 'error' } })).failures,
    /** The job's progress over time, in at most 240 intervals. */
    backfillSeries: (id: string) => get<'getBackfillSeries'>(`${job('backfills', id)}/series`),

    /** Starts making the mirror equal to the primary; the job is a backfill. */
    resyncMirror: (mirror: string, request: Loose<ResyncRequest> = {}) =>
      post<'resyncMirror'>(`mirrors/${encodeURIComponent(mirror)}/resync`, {
        ...request,
        prefix: checkPrefix(request.prefix),
      }),

    startVerification: async (request: Loose<VerificationRequest> = {}) =>
      post<'startVerification'>('verifications', { ...request, prefix: checkPrefix(request.prefix) }),
    /** Newest first. */
    verifications: async () => (await get<'listVerifications'>('verifications')).verifications,
    /** Whether this deployment has issued a certificate: the JSON of a verification. */
    checkCertificate: (certificate: object) => post<'checkCertificate'>('verifications/check', certificate),
    verification: (id: string) => get<'getVerification'>(job('verifications', id)),
    cancelVerification: (id: string) => post<'cancelVerification'>(`${job('verifications', id)}/cancel`),
    differences: (id: string, query?: PageOptions & { kind?: DifferenceKind | undefined }) =>
      get<'listDifferences'>(`${job('verifications', id)}/differences`, { ...query }),
    /** The certificate as an HTML page. */
    verificationReport: async (id: string) => (await send(`-/api/${job('verifications', id)}/report`)).text(),
  }
}

function previewPath(name: string, version: string | undefined): string {
  const query = version === undefined ? '' : `?version=${encodeURIComponent(version)}`
  return `-/api/preview/${namePath(name)}${query}`
}

/** The Worker's `strict` option would also refuse backends that cannot list at all. */
function incomplete(backends: Degraded[]): ApiError {
  const detail = 'the listing lacks what these backends hold'
  return new ApiError({ type: 'about:blank', title: 'A backend failed', status: 502, detail, backends })
}

/** Every page of a list, the first one without a cursor. */
export async function* pages<Page extends { cursor: string | null }>(
  read: (cursor: string | undefined) => Promise<Page>,
): AsyncGenerator<Page> {
  let cursor: string | null | undefined
  while (cursor !== null) {
    const page: Page = await read(cursor)
    yield page
    cursor = page.cursor
  }
}
