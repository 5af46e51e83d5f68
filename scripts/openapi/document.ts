import { toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { ANSWERS, problem } from '../../src/schemas/answers.ts'
import { type Route, type RouteId, ROUTES, SESSION_COOKIE } from '../../src/schemas/routes.ts'
import { type Answer, MEDIA_EXTRAS, type Operation, OPERATIONS } from './operations.ts'

type Json = Record<string, unknown>

const PROBLEMS: Record<number, string> = {
  400: 'The name, query or body is invalid, or the bytes do not match their announced length or digest.',
  401: 'The token is missing or wrong, or the session has ended.',
  403: 'No token is configured, its scope is not sufficient, the request is outside of its prefix, or a page of another origin sent it.',
  404: 'Every backend proved that it does not have the object, or it was deleted.',
  409: 'A lock of the bucket forbids this, or the job’s state does not allow it.',
  412: 'A precondition failed.',
  413: 'The body is too large.',
  416: 'The range begins past the end.',
  429: 'The client’s address exceeds the rate limit (RATE_LIMITER), or a backend accepts no more writes of this name at the moment. Repeat the request after Retry-After.',
  501: 'No backend supports this.',
  502: 'No backend returned the object, but at least one failed and may have it.',
  503: 'The Worker has no memory left at the moment, or the keys of Cloudflare Access cannot be fetched. Nothing was changed; repeat the request after Retry-After.',
  504: 'No backend returned the object; those that failed timed out and may have it.',
  508: 'A backend leads back to this Worker, directly or through another one.',
}

const PARAMETERS: Record<string, string> = {
  name: 'The object’s name, percent-encoded except for its slashes.',
  path: 'A directory’s path; for the root, use `listdir/`.',
  prefix: 'The prefix of the names; for all names, use `list/`.',
  id: 'The job’s id.',
  backend: 'The backend’s name.',
}

const HEADERS: Record<string, string> = {
  'Cache-Status': 'Which backend served or stored the object, and whether a copy was started (RFC 9211).',
  'Server-Timing': 'One entry for each backend that was tried, in order.',
  Location: 'The URL of the job or, on 307, of the object.',
}

const MEDIA = ROUTES.getObject

/** Builds the OpenAPI 3.1 document of everything that the Worker serves. */
export function buildDocument(): Json {
  const paths: Record<string, Json> = {}
  for (const [tag, operations] of Object.entries(OPERATIONS)) {
    for (const [id, operation] of Object.entries(operations) as [RouteId, Operation | null][]) {
      if (!operation) continue
      const route: Route = ROUTES[id]
      const item = (paths[`/${route.path}`] ??= pathItem(route.path))
      item[route.method.toLowerCase()] = toOperation({ id, tag, ...operation }, route)
    }
  }
  for (const [method, extra] of Object.entries(MEDIA_EXTRAS)) {
    const route: Route = method === 'options' ? { ...MEDIA, access: 'public' } : MEDIA
    Object.assign(paths[`/${MEDIA.path}`] ?? {}, { [method]: toOperation({ tag: 'Media', ...extra }, route) })
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'fallback-storage',
      version: '1',
      description: 'Serves an ordered chain of storage backends as one: media over HTTP, and a JSON API.',
    },
    servers: [{ url: '/' }],
    tags: Object.keys(OPERATIONS).map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        signedUrl: {
          type: 'apiKey',
          in: 'query',
          name: 'signature',
          description:
            'Where MEDIA_ACCESS is "signed": `?expires=UNIX&key=ID&signature=…`, and `&response-content-disposition=…` for a Content-Disposition of the URL’s own. `GET /-/api/url/{name}` makes such URLs.',
        },
        session: { type: 'apiKey', in: 'cookie', name: SESSION_COOKIE },
        secret: {
          type: 'apiKey',
          in: 'query',
          name: 'secret',
          description: 'EVENTS_SECRET, for senders that can set no header.',
        },
      },
      schemas: { Problem: toSchema(problem) },
      responses: Object.fromEntries(
        Object.entries(PROBLEMS).map(([status, description]) => [
          `Problem${status}`,
          problemResponse(description),
        ]),
      ),
    },
  }
}

function pathItem(path: string): Json {
  const names = Array.from(path.matchAll(/\{(\w+)\}/g), ([, name]) => name as string)
  if (names.length === 0) return {}
  const parameters = names.map((name) => ({
    name,
    in: 'path',
    required: true,
    description: PARAMETERS[name],
    schema: { type: 'string', minLength: 1 },
  }))
  return { parameters }
}

function toOperation(operation: Operation & { id: string; tag: string }, route: Route): Json {
  const { id, tag, summary, description, headers = [] } = operation
  const { access, query, takesSecret } = route
  const parameters = [
    ...(query ? queryParameters(query) : []),
    ...headers.map((name) => ({ name, in: 'header', schema: { type: 'string' } })),
  ]
  const security = access !== 'public' && [
    ...securityOf(route.path, access),
    ...(takesSecret ? [{ secret: [] }] : []),
  ]
  const problems = [...problemsOf(route), ...(operation.problems ?? [])]
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(security && { security }),
    ...(parameters.length > 0 && { parameters }),
    ...requestBody(route, operation.body),
    responses: {
      ...answersOf(id, route, operation),
      ...Object.fromEntries(
        [...new Set(problems)].map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]),
      ),
    },
  }
}

/** By token or session, with the scope as its role. Whether media need one, or a signed URL, is a matter of the configuration. */
function securityOf(path: string, access: Exclude<Route['access'], 'public'>): Json[] {
  const isMedia = access === 'media'
  const scopes = access === 'signed-in' ? [] : [isMedia ? 'read' : access]
  return [
    ...(isMedia ? [{}] : []),
    { token: scopes },
    { session: scopes },
    ...(path === MEDIA.path && isMedia ? [{ signedUrl: [] }] : []),
  ]
}

/** The problems that follow from a token, something to parse, a job, or a rate limit, which counts all requests. */
function problemsOf({ access, path, query, body }: Route): number[] {
  const isJob = /^-\/api\/(backfills|verifications)\b/.test(path)
  return [
    429,
    ...(access === 'public' ? [] : [401, 403, 503]),
    ...(query || body || /\{(name|path|prefix)\}/.test(path) ? [400] : []),
    ...(path.includes('{id}') ? [404] : []),
    ...(isJob ? [501] : []),
  ]
}

/** Numbers in a query are text to the routes, and integers in the document. */
function queryParameters(query: NonNullable<Route['query']>): Json[] {
  return Object.entries(query.entries).map(([name, entry]) => {
    const { default: fallback, ...schema } = toSchema(entry)
    const limits = limitsOf('wrapped' in entry ? (entry.wrapped as v.GenericSchema) : entry)
    const isInteger = limits !== undefined
    return {
      name,
      in: 'query',
      ...('wrapped' in entry || v.is(entry, undefined) ? {} : { required: true }),
      schema: {
        ...(isInteger ? { type: 'integer', ...limits } : schema),
        ...(fallback !== undefined && { default: isInteger ? Number(fallback) : fallback }),
      },
    }
  })
}

/** The limits that a pipe checks after it has converted text to a number; JSON Schema cannot express that. */
function limitsOf(schema: v.GenericSchema): { minimum?: unknown; maximum?: unknown } | undefined {
  const pipe = 'pipe' in schema ? (schema.pipe as { type: string; requirement?: unknown }[]) : []
  const minimum = pipe.find(({ type }) => type === 'min_value')?.requirement
  const maximum = pipe.find(({ type }) => type === 'max_value')?.requirement
  return minimum === undefined ? undefined : { minimum, maximum }
}

function requestBody({ body, types = [] }: Route, description: string | undefined): Json {
  if (!body && types.length === 0) return {}
  const content = {
    ...(body && { 'application/json': { schema: toSchema(body) } }),
    ...Object.fromEntries(types.map((type) => [type, {}])),
  }
  const required = !body || !v.is(body, {})
  return { requestBody: { ...(description && { description }), required, content } }
}

function answersOf(
  id: string,
  { status = 200 }: Route,
  { answers, answerHeaders, headers: conditions }: Operation,
): Json {
  if (typeof answers !== 'string')
    return Object.fromEntries(Object.entries(answers).map(([code, answer]) => [code, toResponse(answer)]))
  const schema = (ANSWERS as Record<string, v.GenericSchema>)[id]
  if (!schema) throw new Error(`src/schemas/answers.ts has no answer of ${id}`)
  const content = { 'application/json': { schema: toSchema(schema) } }
  const headers = answerHeaders && { headers: answerHeaders }
  return {
    [status]: { ...toResponse({ description: answers, ...headers }), content },
    ...(conditions?.includes('If-None-Match') && {
      304: toResponse({ description: 'Not modified.', ...headers }),
    }),
  }
}

function toResponse({ description, type, headers = [] }: Answer): Json {
  return {
    description,
    ...(headers.length > 0 && {
      headers: Object.fromEntries(headers.map((name) => [name, toHeader(name)])),
    }),
    ...(type && { content: { [type]: {} } }),
  }
}

function toHeader(name: string): Json {
  const description = HEADERS[name]
  return { ...(description && { description }), schema: { type: 'string' } }
}

function problemResponse(description: string): Json {
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
  return { description, content }
}

function toSchema(schema: v.GenericSchema): Json {
  const options = { typeMode: 'input', target: 'draft-2020-12', errorMode: 'ignore' } as const
  const { $schema: _, ...json } = toJsonSchema(schema, options)
  return json as Json
}
