import type { Context, Handler as HonoHandler } from 'hono'
import type { Hono } from 'hono/tiny'
import type { Router } from 'hono/router'
import { PatternRouter } from 'hono/router/pattern-router'
import * as v from 'valibot'
import { type Authorize, type Decision, refuseOutside } from '../access/authorize.ts'
import { createChunkReader } from '../bodies/chunks.ts'
import { optionsResponse } from '../http/cors.ts'
import { problemResponse } from '../http/problem.ts'
import { rawPath } from '../http/raw-path.ts'
import { type Route, type RouteId, ROUTES } from '../schemas/routes.ts'
import { StorageError } from '../storage/errors.ts'
import { parseName } from '../storage/name.ts'
import type { AppEnv, Handlers } from './context.ts'

const MAX_JSON_BYTES = 1024 * 1024

/** Hono's smallest router tries one pattern after another: media requests skip those of the API, which is at `apiRoot`. */
export function mediaFirstRouter<Handler>(apiRoot: string): Router<Handler> {
  const all = new PatternRouter<Handler>()
  const media = new PatternRouter<Handler>()
  const isApi = (path: string): boolean => path.startsWith(`${apiRoot}/`) || path === apiRoot
  return {
    name: 'MediaFirstRouter',
    add(method, path, handler) {
      all.add(method, path, handler)
      if (!isApi(path)) media.add(method, path, handler)
    },
    match: (method, path) => (isApi(path) ? all : media).match(method, path),
  }
}

interface RouterOptions {
  mediaPath: string
  /** `null` for routes that anyone may use. */
  authorizeFor: (route: Route) => Authorize | null
}

/** Adds every route of the table. Whatever the API does not know is a 404, so that no object can be below `-/`. */
export function addRoutes(app: Hono<AppEnv>, handlers: Handlers, options: RouterOptions): void {
  const { mediaPath } = options
  const entries = Object.entries(ROUTES) as [RouteId, Route][]
  const isApi = ([, { path }]: [RouteId, Route]): boolean => path.startsWith('-/')
  const add = (routes: typeof entries): void => {
    const methods = new Map<string, string[]>()
    for (const [id, route] of routes) {
      const pattern = mediaPath + patternOf(route.path)
      app.on(route.method, pattern, toHonoHandler(route, handlers[id] as AnyHandler, options))
      const known = methods.get(pattern) ?? []
      methods.set(pattern, [...known, ...(route.method === 'GET' ? ['GET', 'HEAD'] : [route.method])])
    }
    for (const [pattern, allowed] of methods) app.all(pattern, notAllowed(allowed))
  }
  add(entries.filter(isApi))
  app.all(`${mediaPath}-/api/*`, (c, next) => (c.req.method === 'OPTIONS' ? next() : noSuchRoute()))
  app.all(`${mediaPath}-/*`, (c) => c.notFound())
  add(entries.filter((entry) => !isApi(entry)))
}

/** The path as Hono matches it; the root of a listing does without its slash too. */
function patternOf(path: string): string {
  if (path === '{name}') return '*'
  return path
    .replace(/\/$/, '')
    .replace('{id}', ':id')
    .replace(/\{(\w+)\}$/, ':$1{[^]*}')
}

/** The table's types are checked where the handlers are written. */
type AnyHandler = (c: Context<AppEnv>, input: object) => object | Promise<object>

const ANYONE: Decision = { identity: null }

function toHonoHandler(
  route: Route,
  handler: AnyHandler,
  { mediaPath, authorizeFor }: RouterOptions,
): HonoHandler<AppEnv> {
  const { path, query, body, types, status = 200 } = route
  const parameters = parameterReader(route, mediaPath)
  const authorize = authorizeFor(route)
  return async (c) => {
    if (path === '{name}') c.set('route', 'media')
    const { identity, refusal } = authorize ? await authorize(c.req.raw) : ANYONE
    if (identity) c.set('identity', identity)
    if (refusal) return problemResponse(refusal)
    const input = {
      ...parameters(c),
      ...(query && { query: checkBy(query, c.req.query()) }),
      ...(body && !hasType(c, types) && { body: checkBy(body, await readJson(c.req.raw)) }),
    }
    const outside = identity && refuseOutside(identity, input)
    if (outside) return problemResponse(outside)
    const answer = await handler(c, input)
    return answer instanceof Response ? answer : c.json(answer, status)
  }
}

/** Hono's own path and parameters are ambiguous for names: those are read from the URL as it was sent. */
function parameterReader(
  { path }: Route,
  mediaPath: string,
): (c: Context<AppEnv>) => Record<string, string> | undefined {
  const [before, parameter] = path.split(/[{}]/)
  if (parameter === undefined) return () => undefined
  if (parameter === 'id') return (c) => ({ id: c.req.param('id') ?? '' })
  const start = `${mediaPath}${before}`
  return (c) => {
    const raw = rawPath(c.req.url)
    if (!raw.startsWith(start))
      throw new StorageError('absent', `the path must begin with ${start} as it is written here`)
    const value = parseName(raw.slice(start.length))
    if (parameter === 'name') c.set('name', value)
    return { [parameter]: value }
  }
}

function hasType(c: Context<AppEnv>, types: readonly string[] = []): boolean {
  const type = c.req.header('Content-Type')?.split(';')[0]?.trim().toLowerCase()
  return type !== undefined && types.includes(type)
}

/** The request's JSON body; an empty one counts as `{}`. */
async function readJson({ body }: Request): Promise<unknown> {
  const bytes = body ? await readJsonBytes(body) : new Uint8Array(0)
  if (bytes.length === 0) return {}
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes))
  } catch (cause) {
    throw new StorageError('invalid', 'the body is not JSON in UTF-8', { cause })
  }
}

async function readJsonBytes(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts = createChunkReader(body)
  const bytes = await parts.next(MAX_JSON_BYTES + 1)
  if (bytes.length <= MAX_JSON_BYTES) return bytes
  const error = new StorageError('too-large', `a JSON body may have ${MAX_JSON_BYTES} bytes at most`)
  await parts.cancel(error)
  throw error
}

/** Throws `invalid` naming the field and what is wrong with it. */
function checkBy(schema: v.GenericSchema, value: unknown): object {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output as object
  const [issue] = result.issues
  const place = v.getDotPath(issue)
  throw new StorageError('invalid', place === null ? issue.message : `${place}: ${issue.message}`)
}

/** Answers the methods that a path does not have: OPTIONS with those that it has, any other with 405. */
function notAllowed(methods: readonly string[]): HonoHandler<AppEnv> {
  const allow = methods.join(', ')
  return (c) => {
    if (c.req.method === 'OPTIONS')
      return optionsResponse(c.req.raw, c.get('deployment').config.corsOrigins, [...methods, 'OPTIONS'])
    const detail = `allowed here: ${allow}`
    return problemResponse({ status: 405, title: 'Method Not Allowed', detail, headers: { Allow: allow } })
  }
}

function noSuchRoute(): Response {
  const detail = 'the API has no such route; /-/docs lists them all'
  return problemResponse({ status: 404, title: 'Not Found', detail })
}
