import type * as v from 'valibot'
import * as requests from './requests.ts'

/** What an identity may be allowed to do; each scope includes those before it. Only `access/authorize.ts` checks them. */
export const SCOPES = ['read', 'write', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** The cookie of a session. */
export const SESSION_COOKIE = 'fallback-storage-session'

export interface Route {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  /** Below the media path. `{id}` and `{backend}` are one segment; any other parameter is the rest of the path, slashes included. */
  path: string
  /** Who is allowed: anyone, whoever may read media (`MEDIA_ACCESS`), whoever is signed in, or who has that scope. */
  access: 'public' | 'media' | 'signed-in' | Scope
  /** Identifies whoever signs in even where anyone is allowed (or only if URLs can be signed): they may do more. */
  identifies?: true | 'to sign URLs'
  /** Also allows whoever sends the secret EVENTS_SECRET in the URL, as `?secret=…`. */
  takesSecret?: true
  query?: v.GenericSchema & { readonly entries: Readonly<Record<string, v.GenericSchema>> }
  /** Of a JSON body. */
  body?: v.GenericSchema
  /** Media types of bodies that are not JSON; the handler reads them itself. */
  types?: readonly string[]
  /** Of a success in JSON. Default 200. */
  status?: 200 | 201 | 202
}

const NDJSON = [
  'application/x-ndjson',
  'application/ndjson',
  'application/jsonl',
  'application/x-jsonlines',
  'application/json-lines',
  'application/json-seq',
] as const

/** Every route of the Worker, by the id that OpenAPI shows. */
export const ROUTES = {
  getObject: { method: 'GET', path: '{name}', access: 'media' },
  putObject: { method: 'PUT', path: '{name}', access: 'write', types: ['*/*'] },
  deleteObject: { method: 'DELETE', path: '{name}', access: 'write' },

  open: { method: 'GET', path: '-/api/open/{name}', access: 'media' },
  save: { method: 'POST', path: '-/api/save/{name}', access: 'write', types: ['*/*'], status: 201 },
  delete: { method: 'DELETE', path: '-/api/delete/{name}', access: 'write' },
  exists: { method: 'GET', path: '-/api/exists/{name}', access: 'media' },
  existsAll: {
    method: 'POST',
    path: '-/api/exists',
    access: 'media',
    identifies: true,
    body: requests.existsBody,
  },
  size: { method: 'GET', path: '-/api/size/{name}', access: 'media' },
  accessedTime: { method: 'GET', path: '-/api/accessed_time/{name}', access: 'media' },
  createdTime: { method: 'GET', path: '-/api/created_time/{name}', access: 'media' },
  modifiedTime: { method: 'GET', path: '-/api/modified_time/{name}', access: 'media' },
  url: {
    method: 'GET',
    path: '-/api/url/{name}',
    access: 'media',
    identifies: 'to sign URLs',
    query: requests.urlQuery,
  },
  getValidName: { method: 'GET', path: '-/api/get_valid_name/{name}', access: 'media' },
  getAvailableName: { method: 'GET', path: '-/api/get_available_name/{name}', access: 'media' },
  path: { method: 'GET', path: '-/api/path/{name}', access: 'read' },

  listdirRoot: { method: 'GET', path: '-/api/listdir/', access: 'read', query: requests.listdirQuery },
  listdir: { method: 'GET', path: '-/api/listdir/{path}', access: 'read', query: requests.listdirQuery },
  listAll: { method: 'GET', path: '-/api/list/', access: 'read', query: requests.listQuery },
  list: { method: 'GET', path: '-/api/list/{prefix}', access: 'read', query: requests.listQuery },

  listTombstones: {
    method: 'GET',
    path: '-/api/tombstones',
    access: 'admin',
    query: requests.tombstonesQuery,
  },
  purgeTombstones: {
    method: 'POST',
    path: '-/api/tombstones/purge',
    access: 'admin',
    body: requests.purgeBody,
  },
  undelete: { method: 'POST', path: '-/api/undelete/{name}', access: 'write' },

  // It says what was deleted, so not everyone who may read may see it; whoever may delete may.
  listPriorVersions: { method: 'GET', path: '-/api/prior_versions/{name}', access: 'write' },
  restore: {
    method: 'POST',
    path: '-/api/restore/{name}',
    access: 'write',
    body: requests.restoreBody,
  },

  purgeCache: {
    method: 'POST',
    path: '-/api/cache/purge',
    access: 'admin',
    body: requests.purgeCacheBody,
  },

  explain: { method: 'GET', path: '-/api/explain/{name}', access: 'read' },
  preview: { method: 'GET', path: '-/api/preview/{name}', access: 'read' },
  migrate: { method: 'POST', path: '-/api/migrate', access: 'write', body: requests.migrateBody },
  getSeries: { method: 'GET', path: '-/api/series', access: 'admin', query: requests.seriesQuery },
  listMirrors: { method: 'GET', path: '-/api/mirrors', access: 'admin' },
  getDependence: { method: 'GET', path: '-/api/dependence', access: 'admin' },
  listBackends: { method: 'GET', path: '-/api/backends', access: 'admin' },
  listConflicts: { method: 'GET', path: '-/api/conflicts', access: 'admin', query: requests.conflictsQuery },
  dismissConflict: {
    method: 'DELETE',
    path: '-/api/conflicts/{name}',
    access: 'admin',
    query: requests.dismissConflictQuery,
  },
  health: { method: 'GET', path: '-/health', access: 'public' },
  metrics: { method: 'GET', path: '-/metrics', access: 'admin' },
  getSession: { method: 'GET', path: '-/api/session', access: 'signed-in' },
  signIn: { method: 'POST', path: '-/api/session', access: 'public', body: requests.sessionBody },
  signOut: { method: 'DELETE', path: '-/api/session', access: 'signed-in' },

  dashboard: { method: 'GET', path: '-/', access: 'public' },
  dashboardFile: { method: 'GET', path: '-/dashboard/{file}', access: 'public' },

  openapi: { method: 'GET', path: '-/api/openapi.json', access: 'public' },
  docs: { method: 'GET', path: '-/docs', access: 'public' },
  errorDocs: { method: 'GET', path: '-/docs/errors', access: 'public' },
  docsScript: { method: 'GET', path: '-/docs/docs.js', access: 'public' },
  docsStyle: { method: 'GET', path: '-/docs/docs.css', access: 'public' },

  listBackfills: { method: 'GET', path: '-/api/backfills', access: 'admin' },
  startBackfill: {
    method: 'POST',
    path: '-/api/backfills',
    access: 'admin',
    query: requests.manifestQuery,
    body: requests.backfillBody,
    types: ['text/plain', 'text/csv', ...NDJSON],
    status: 202,
  },
  getBackfill: { method: 'GET', path: '-/api/backfills/{id}', access: 'admin' },
  pauseBackfill: { method: 'POST', path: '-/api/backfills/{id}/pause', access: 'admin' },
  resumeBackfill: { method: 'POST', path: '-/api/backfills/{id}/resume', access: 'admin' },
  cancelBackfill: { method: 'POST', path: '-/api/backfills/{id}/cancel', access: 'admin' },
  retryFailedBackfill: { method: 'POST', path: '-/api/backfills/{id}/retry_failed', access: 'admin' },
  listBackfillFailures: {
    method: 'GET',
    path: '-/api/backfills/{id}/failures',
    access: 'admin',
    query: requests.failuresQuery,
  },
  getBackfillSeries: { method: 'GET', path: '-/api/backfills/{id}/series', access: 'admin' },
  listDeadCopies: {
    method: 'GET',
    path: '-/api/dead_copies',
    access: 'admin',
    query: requests.deadCopiesQuery,
  },

  resyncMirror: {
    method: 'POST',
    path: '-/api/mirrors/{backend}/resync',
    access: 'admin',
    body: requests.resyncBody,
    status: 202,
  },
  listEvents: { method: 'GET', path: '-/api/events', access: 'admin' },
  receiveEvents: {
    method: 'POST',
    path: '-/api/events/{backend}',
    access: 'admin',
    takesSecret: true,
    body: requests.eventsBody,
    status: 202,
  },

  listVerifications: { method: 'GET', path: '-/api/verifications', access: 'admin' },
  startVerification: {
    method: 'POST',
    path: '-/api/verifications',
    access: 'admin',
    body: requests.verificationBody,
    status: 202,
  },
  checkCertificate: {
    method: 'POST',
    path: '-/api/verifications/check',
    access: 'admin',
    body: requests.certificateBody,
  },
  getVerification: { method: 'GET', path: '-/api/verifications/{id}', access: 'admin' },
  listDifferences: {
    method: 'GET',
    path: '-/api/verifications/{id}/differences',
    access: 'admin',
    query: requests.differencesQuery,
  },
  getVerificationReport: { method: 'GET', path: '-/api/verifications/{id}/report', access: 'admin' },
  cancelVerification: { method: 'POST', path: '-/api/verifications/{id}/cancel', access: 'admin' },
} as const satisfies Record<string, Route>

export type RouteId = keyof typeof ROUTES
