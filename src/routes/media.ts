import type { Context } from 'hono'
import { cancelBody } from '../bodies/cancel.ts'
import type { Config } from '../config/config.ts'
import type { Read } from '../edge-cache/edge-cache.ts'
import type { Chain } from '../chain/fallback.ts'
import { cacheStatus, serverTiming } from '../http/cache-status.ts'
import { evaluatePreconditions } from '../http/conditional.ts'
import { requestDigests } from '../http/digest-headers.ts'
import { representationFromHeaders } from '../http/headers.ts'
import { typeOfName, withTypeOfName } from '../http/media-types.ts'
import { privateCacheControl } from '../http/private-cache.ts'
import { ABSENT, problemResponse } from '../http/problem.ts'
import { headResponse, objectResponse } from '../http/respond.ts'
import { deleteObjectIf } from '../methods/methods.ts'
import { StorageError } from '../storage/errors.ts'
import {
  bodyLength,
  type ObjectInfo,
  type RangeRequest,
  type Representation,
  type StoredObject,
} from '../storage/object.ts'
import { putObject } from '../methods/put-object.ts'
import type { UploadOptions } from '../methods/upload.ts'
import { mayBeStale } from '../storage/trace.ts'
import type { Answered, AppEnv, Input } from './context.ts'
import { edgeCacheFor } from './edge-cache.ts'
import { findObject, isConditional } from './find-object.ts'
import { finish } from './finish.ts'

/** GET and HEAD of one name: the chain's result as HTTP. Starts a copy if the object should migrate. */
export async function serveMedia(c: Context<AppEnv>, { name }: Input<'getObject'>): Promise<Response> {
  const disposition = ASKS_DISPOSITION.test(c.req.url) ? await signedDisposition(c) : undefined
  return serveObject(c, name, disposition === undefined ? { read } : { read: readToSend, disposition })
}

export interface Serving {
  /** Reads the object for a GET. */
  read: (c: Context<AppEnv>, name: string) => Promise<Read & { range: RangeRequest | null }>
  /** Where a HEAD looks. Default: where media are read. */
  chain?: Chain
  /** Sent instead of the object's own Content-Disposition. */
  disposition?: string
}

/** The response to a GET or HEAD of an object. */
export async function serveObject(
  c: Context<AppEnv>,
  name: string,
  { read, chain, disposition }: Serving,
): Promise<Response> {
  const { cacheControl, mediaPath: base } = c.get('deployment').config
  const refuse = (error: StorageError): Response => problemResponse(error, { base })
  const request = c.req.raw
  const shown = <Info extends ObjectInfo>(info: Info): Info => {
    const typed = withTypeOfName(info)
    return disposition === undefined ? typed : { ...typed, contentDisposition: disposition }
  }
  const answer = (response: Response, { substitute }: ObjectInfo, answered: Answered): Response => {
    const described = describeAnswer(c, response, answered)
    // No backend has it, so it does not count as a read of one.
    if (substitute === 'placeholder') c.set('answered', { bytes: answered.bytes })
    return described
  }
  if (request.method === 'HEAD') {
    const info = await (chain ?? chainFor(c)).head(name, { trace: c.get('trace'), speculative: true })
    if (!info) return absent(c)
    const { backend } = info
    return answer(headResponse(request, shown(info), { cacheControl, refuse }), info, { backend })
  }
  const { object, range, stored, ttl } = await read(c, name)
  if (!object) return absent(c)
  const { backend } = object
  if (object.substitute === 'redirect') return answer(await redirectTo(c, object), object, { backend })
  const response = objectResponse(request, shown(object), { cacheControl, refuse, range })
  return answer(response, object, { backend, stored, bytes: bodyLength(object), edgeTtl: ttl })
}

/** A GET: from the edge cache if it may answer, else from the chain, which starts a copy if the object should migrate. */
async function read(c: Context<AppEnv>, name: string): Promise<Read & { range: RangeRequest | null }> {
  const trace = c.get('trace')
  const edgeCache = edgeCacheFor(c)
  if (edgeCache) return { ...(await edgeCache.read(name, trace)), range: null }
  const { migration } = c.get('deployment')
  const { object, range } = await findObject(chainFor(c), name, { headers: c.req.raw.headers, trace })
  const stored = object !== null && migration.writeBack(object, trace)
  return { object, range, stored }
}

/** The same, but never a redirect: the backend's own URL would lose the disposition. */
async function readToSend(c: Context<AppEnv>, name: string): ReturnType<typeof read> {
  const found = await read(c, name)
  if (found.object?.substitute !== 'redirect') return found
  const trace = c.get('trace')
  await cancelBody(found.object.body)
  trace.length = 0
  const { headers } = c.req.raw
  const sent = await findObject(c.get('deployment').chain, found.object.name, { headers, trace })
  return { ...sent, stored: false }
}

/** The JSON API reads only what is stored, as `exists` and `size` do. */
function chainFor(c: Context<AppEnv>): Chain {
  const { chain, mediaChain } = c.get('deployment')
  return c.get('route') === 'media' ? mediaChain : chain
}

/** Conditions and ranges are the business of the server that it leads to (RFC 9110 §13.2.1). */
async function redirectTo(c: Context<AppEnv>, { name, backend, body }: StoredObject): Promise<Response> {
  const { backends, config } = c.get('deployment')
  await cancelBody(body)
  const base = config.mediaUrl ?? new URL(c.req.url).origin + config.mediaPath
  const location = await backends.find((one) => one.name === backend)?.url?.(name, { base })
  if (location === undefined) throw new StorageError('unsupported', 'has no URL', { backend })
  if (withoutQuery(location) === withoutQuery(c.req.url))
    throw new StorageError('loop', 'its URL leads back to this Worker', { backend })
  return new Response(null, { status: 307, headers: { Location: location, ...NO_STORE } })
}

function withoutQuery(url: string): string {
  return url.replace(/\?.*/, '')
}

const NO_STORE = { 'Cache-Control': 'no-store' }
const ASKS_DISPOSITION = /[?&]response-content-disposition=/

/** The Content-Disposition of a signed URL. Without a valid signature anyone could make up what a download is called. */
async function signedDisposition(c: Context<AppEnv>): Promise<string | undefined> {
  const signed = await c.get('deployment').config.urlSigner?.verify(c.req.url, Date.now())
  return signed?.contentDisposition
}

/** Nothing is thrown: crawlers request thousands of missing names, and the stack of an error takes longer than the response. */
function absent(c: Context<AppEnv>): Response {
  return problemResponse(ABSENT, { base: c.get('deployment').config.mediaPath })
}

/** PUT: replaces the object; 204 if its backend had one, otherwise 201, even if a later backend has one. With a condition, 204 if any had one. */
export async function putMedia(c: Context<AppEnv>, { name }: Input<'putObject'>): Promise<Response> {
  const { chain, config } = c.get('deployment')
  const { body, options } = uploadFrom(c.req.raw, name, config)
  const allows = conditionOf(c.req.raw)
  const { info, created } = await finish(
    putObject(chain, name, body, { ...options, allows, trace: c.get('trace') }),
  )
  const headers = { ...NO_STORE, ...(info.etag !== undefined && { ETag: info.etag }) }
  const answer = new Response(null, { status: created ? 201 : 204, headers })
  return describeAnswer(c, answer, { backend: info.backend })
}

/** DELETE: 204, whether or not there was an object. */
export async function deleteMedia(c: Context<AppEnv>, { name }: Input<'deleteObject'>): Promise<Response> {
  const { chain } = c.get('deployment')
  const allows = conditionOf(c.req.raw)
  const trace = c.get('trace')
  await (allows ? deleteObjectIf(chain, name, allows, trace) : chain.delete(name, { trace }))
  return new Response(null, { status: 204 })
}

/** Whether a write's conditions allow it to replace the current object; `undefined` if it has none. */
function conditionOf({ method, headers }: Request): ((current: ObjectInfo | null) => boolean) | undefined {
  if (!isConditional(headers)) return undefined
  return (current) => evaluatePreconditions(method, headers, current) === 'proceed'
}

/** What curl and others send if they do not know the type; no object consists of form fields. */
const FORM = /^\s*application\/x-www-form-urlencoded\s*(?:;|$)/i

/** The body of a PUT or a save, and what its headers say about it. Throws `invalid` if it cannot be stored as a whole object. */
export function uploadFrom(
  request: Request,
  name: string,
  config: Pick<Config, 'maxUploadBytes'>,
): { body: ReadableStream<Uint8Array> | Uint8Array; options: UploadOptions } {
  const { headers, body } = request
  // RFC 9110 §14.5: a server that does not do partial PUTs answers 400.
  if (headers.has('Content-Range')) throw new StorageError('invalid', 'a part of an object cannot be stored')
  const length = headers.get('Content-Length')
  return {
    body: body ?? new Uint8Array(0),
    options: {
      info: describeUpload(headers, name),
      digests: requestDigests(headers),
      size: body && length !== null ? Number(length) : undefined,
      maxBytes: config.maxUploadBytes,
    },
  }
}

/** What an upload's headers say about the object. */
export function describeUpload(headers: Headers, name: string): Representation {
  const representation = representationFromHeaders(headers)
  const { contentType } = representation
  const inferred = contentType === undefined || FORM.test(contentType) ? typeOfName(name) : undefined
  return inferred === undefined ? representation : { ...representation, contentType: inferred }
}

/**
 * Adds which backend served the object and which were tried: Cache-Status (RFC 9211) and Server-Timing. An object that may
 * be out of date because an earlier backend failed must not be cached, and one that is not public must not be cached by
 * shared caches, whatever its Cache-Control.
 */
export function describeAnswer(c: Context<AppEnv>, response: Response, answered: Answered = {}): Response {
  const { chain, config } = c.get('deployment')
  const primary = chain.backends[0]?.name ?? ''
  const trace = c.get('trace')
  c.set('answered', answered)
  let { backend } = answered
  const { stored, edgeTtl } = answered
  // One that has the object, though not for this request, is named as well.
  if (response.status < 500) backend ??= trace.find(({ outcome }) => outcome === 'hit')?.backend
  const untried = trace.length === 0
  const status = cacheStatus({ method: c.req.method, primary, backend, stored, untried, edgeTtl })
  response.headers.set('Cache-Status', status)
  const cacheControl = config.mediaAccess === 'public' ? null : response.headers.get('Cache-Control')
  if (cacheControl !== null) response.headers.set('Cache-Control', privateCacheControl(cacheControl))
  if (trace.length > 0) response.headers.set('Server-Timing', serverTiming(trace))
  if (mayBeStale(trace)) {
    const keepsBytes = response.headers.get('Cache-Control')?.includes('no-transform')
    response.headers.set('Cache-Control', keepsBytes ? 'no-store, no-transform' : 'no-store')
    response.headers.delete('Expires')
  }
  return response
}
