import type { Context, Handler as HonoHandler } from 'hono'
import type { Hono } from 'hono/tiny'
import type { Router } from 'hono/router'
import { PatternRouter } from 'hono/router/pattern-router'
import * as v from 'valibot'
import { type Authorize, type Decision, refuseOutside } from '../access/authorize.ts'
import type { AccessContext } from '../access/cloudflare-access.ts'
import { withDocument } from '../bodies/document.ts'
import { optionsResponse } from '../http/cors.ts'
import { problemResponse } from '../http/problem.ts'
import { type Route, type RouteId, ROUTES } from '../schemas/routes.ts'
import { StorageError } from '../storage/errors.ts'
import { parseName } from '../storage/name.ts'
import type { AppEnv, Handlers } from './context.ts'
import { finish } from './finish.ts'

const MAX_JSON_BYTES = 1024 * 1024
/** Without signing in: several times what the names have that such a request may send. */
const MAX_ANONYMOUS_JSON_BYTES = 128 * 1024

/** The path of every request of an S3 client, whatever its URL: no client can send a space in a path. */
export const S3_PATH = '/ s3'

/** Hono's smallest router tries one pattern after another: media requests skip those of the API, which is at `apiRoot`. */
export function mediaFirstRouter<Handler>(apiRoot: string): Router<Handler> {
  const all = new PatternRouter<Handler>()
  const media = new PatternRouter<Handler>()
  const s3 = new PatternRouter<Handler>()
  const isApi = (path: string): boolean => isBelow(apiRoot, path)
  return {
    name: 'MediaFirstRouter',
    add(method, path, handler) {
      if (path === S3_PATH || path === '/*') s3.add(method, path, handler)
      if (path === S3_PATH) return
      all.add(method, path, handler)
      if (!isApi(path)) media.add(method, path, handler)
    },
    match: (method, path) => (path === S3_PATH ? s3 : isApi(path) ? all : media).match(method, path),
  }
}

/** Whether it is that path, or one below it. */
export function isBelow(root: string, path: string): boolean {
  return path.startsWith(`${root}/`) || path === root
}

interface RouterOptions {
  mediaPath: string
  /** `null` for routes that anyone may use. */
  authorizeFor: (route: Route) => Authorize | null
}

/** The routes at which clients read one object. Previews, listings and checks for existence are not counted as reads. */
const READS: ReadonlySet<RouteId> = new Set(['getObject', 'open'])

/** Adds every route of the table. Unknown API paths are 404, so that no object can be below `-/`. */
export function addRoutes(app: Hono<AppEnv>, handlers: Handlers, options: RouterOptions): void {
  const { mediaPath } = options
  const entries = Object.entries(ROUTES) as [RouteId, Route][]
  const isApi = ([, { path }]: [RouteId, Route]): boolean => path.startsWith('-/')
  const add = (routes: typeof entries): void => {
    const methods = new Map<string, string[]>()
    for (const [id, route] of routes) {
      const pattern = mediaPath + patternOf(route.path)
      const handle = toHonoHandler(route, handlers[id] as AnyHandler, { ...options, isRead: READS.has(id) })
      app.on(route.method, pattern, handle)
      const known = methods.get(pattern) ?? []
      methods.set(pattern, [...known, ...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method])])
    }
    for (const [pattern, allowed] of methods) app.all(pattern, notAllowed(allowed))
  }
  add(entries.filter(isApi))
  app.all(`${mediaPath}-/api/*`, (c, next) => (c.req.method === 'OPTIONS' ? next() : noSuchRoute(mediaPath)))
  app.all(`${mediaPath}-/*`, (c) => c.notFound())
  add(entries.filter((entry) => !isApi(entry)))
}

/** The path for Hono; the root of a listing may omit its slash. */
function patternOf(path: string): string {
  if (path === '{name}') return '*'
  return path
    .replace(/\/$/, '')
    .replace(/\{(id|backend)\}/, ':$1')
    .replace(/\{(\w+)\}$/, ':$1{[^]*}')
}

/** The table's types are checked where the handlers are written. */
type AnyHandler = (c: Context<AppEnv>, input: object) => object | Promise<object>

const ANYONE: Decision = { identity: null }

function toHonoHandler(
  route: Route,
  handler: AnyHandler,
  { mediaPath, authorizeFor, isRead }: RouterOptions & { isRead: boolean },
): HonoHandler<AppEnv> {
  const { path, access, query, body, types, status = 200 } = route
  const parameters = parameterReader(route, mediaPath)
  const authorize = authorizeFor(route)
  return async (c) => {
    if (path === '{name}') c.set('route', 'media')
    // No object has an empty name.
    if (isRead && c.req.path === mediaPath) return c.notFound()
    if (isRead) c.set('isRead', true)
    const { identity, refusal } = authorize ? await authorize(c.req.raw, () => accessContext(c)) : ANYONE
    if (identity) c.set('identity', identity)
    if (refusal) return problemResponse(refusal)
    const given = { ...parameters(c), ...(query && { query: checkBy(query, c.req.query()) }) }
    const respond = async (sent?: { body: object }): Promise<Response> => {
      const input = { ...given, ...sent }
      const outside = identity && access !== 'signed-in' && refuseOutside(identity, input)
      if (outside) return problemResponse(outside)
      const answer = await handler(c, input)
      return answer instanceof Response ? answer : c.json(answer, status)
    }
    if (!body || hasType(c, types)) return respond()
    const maxBytes = identity ? MAX_JSON_BYTES : MAX_ANONYMOUS_JSON_BYTES
    return withJson(c.req.raw, maxBytes, (json) => respond({ body: checkBy(body, json) }))
  }
}

/** `ctx.access`, which older runtimes don't have, nor Hono's type of the context. */
function accessContext(c: Context<AppEnv>): AccessContext | undefined {
  return (c.executionCtx as { access?: AccessContext }).access
}

/** Routes that are about names, whether or not there is an object. */
const MAKES_NAME = /get_\w+_name/

/** Hono decodes its parameters, which is ambiguous for names: those are read from the path as it was sent. */
function parameterReader(
  { method, path }: Route,
  mediaPath: string,
): (c: Context<AppEnv>) => Record<string, string> | undefined {
  const [before, parameter] = path.split(/[{}]/)
  if (parameter === undefined) return () => undefined
  if (parameter === 'id' || parameter === 'backend')
    return (c) => ({ [parameter]: c.req.param(parameter) ?? '' })
  const start = `${mediaPath}${before}`
  const isRead = method === 'GET' && parameter === 'name' && !MAKES_NAME.test(path)
  return (c) => {
    const raw = c.req.path
    if (!raw.startsWith(start)) throw new StorageError('absent', `the path must begin with exactly ${start}`)
    if (raw === start && isRead) {
      if (path === ROUTES.exists.path) return { name: '' }
      throw new StorageError('absent', 'no object has an empty name')
    }
    const value = parseName(raw.slice(start.length))
    if (parameter === 'name') c.set('name', value)
    return { [parameter]: value }
  }
}

function hasType(c: Context<AppEnv>, types: readonly string[] = []): boolean {
  const type = c.req.header('Content-Type')?.split(';')[0]?.trim().toLowerCase()
  return type !== undefined && types.includes(type)
}

/** Runs `use` with the request's JSON body; an empty one counts as `{}`. */
async function withJson<Result>(
  { body, headers }: Request,
  maxBytes: number,
  use: (json: unknown) => Promise<Result>,
): Promise<Result> {
  if (!body) return use({})
  const length = headers.get('Content-Length')
  const size = length === null ? undefined : Number(length)
  const tooLarge = () => new StorageError('too-large', `this JSON body may have ${maxBytes} bytes at most`)
  return finish(withDocument(body, { size, maxBytes, tooLarge }, (bytes) => use(parseJson(bytes))))
}

function parseJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes))
  } catch (cause) {
    throw new StorageError('invalid', 'the body is not JSON in UTF-8', { cause })
  }
}

/** Throws `invalid` naming the field and what is wrong with it. */
function checkBy(schema: v.GenericSchema, value: unknown): object {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output as object
  const [issue] = result.issues
  const place = issue.path?.map(({ key }) => key).join('.')
  const message = messageOf(issue)
  throw new StorageError('invalid', place === undefined ? message : `${place}: ${message}`)
}

/** Valibot's own words about fields of objects are about its types. */
function messageOf({ type, expected, message }: v.BaseIssue<unknown>): string {
  if (!type.endsWith('object')) return message
  if (expected === 'never') return 'this route has no such field'
  return expected === 'Object' ? 'the body must be a JSON object' : 'is required'
}

/** Handles the methods that a path does not have: OPTIONS lists those that it has, all others are 405. */
function notAllowed(methods: readonly string[]): HonoHandler<AppEnv> {
  const allow = methods.join(', ')
  return (c) => {
    if (c.req.method === 'OPTIONS')
      return optionsResponse(c.req.raw, c.get('deployment').config.corsOrigins, [...methods, 'OPTIONS'])
    const detail = `allowed here: ${allow}`
    return problemResponse({ status: 405, title: 'Method Not Allowed', detail, headers: { Allow: allow } })
  }
}

function noSuchRoute(mediaPath: string): Response {
  const detail = `the API has no such route; ${mediaPath}-/docs lists them all`
  return problemResponse({ status: 404, title: 'Not Found', detail })
}
