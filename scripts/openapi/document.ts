import { toJsonSchema } from '@valibot/to-json-schema'
import * as v from 'valibot'
import { ANSWERS, problem } from '../../src/schemas/answers.ts'
import { type Route, type RouteId, ROUTES } from '../../src/schemas/routes.ts'
import { type Answer, MEDIA_EXTRAS, type Operation, OPERATIONS } from './operations.ts'

type Json = Record<string, unknown>

const PROBLEMS: Record<number, string> = {
  400: 'The name, the query or the body cannot be used, or the bytes are not the ones announced.',
  401: 'The token is missing or wrong.',
  403: 'No token is configured, its scope is too small, or the request reaches beyond its prefix.',
  404: 'Every backend proved that it does not have it, or it is deleted.',
  409: 'The job, being what it is, cannot do that.',
  412: 'A condition does not hold.',
  413: 'Larger than what is taken.',
  416: 'The range begins past the end.',
  501: 'No backend implements it.',
  502: 'None has it and at least one backend failed: it may exist.',
  503: 'The Worker has no memory left for it now, and nothing was stored: send it again after Retry-After.',
  504: 'None has it and all backends that failed timed out: it may exist.',
  508: 'A backend leads back to this Worker, directly or through another one.',
}

const PARAMETERS: Record<string, string> = {
  name: 'The object’s name: percent-encoded, its slashes as they are.',
  path: 'A directory’s path; the root has a route of its own.',
  prefix: 'What the names begin with; all names have a route of their own.',
  id: 'The job’s id.',
}

const HEADERS: Record<string, string> = {
  'Cache-Status': 'Which backend answered, and whether a copy was begun (RFC 9211).',
  'Server-Timing': 'One entry for each backend that was tried, in order.',
  Location: 'Where the job is.',
}

const MEDIA = ROUTES.getObject

/** The OpenAPI 3.1 document of everything that the Worker serves. */
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
      description: 'An ordered chain of storage backends as one: media over HTTP, and a JSON API beside it.',
    },
    servers: [{ url: '/' }],
    tags: Object.keys(OPERATIONS).map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
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
  const { access, query } = route
  const parameters = [
    ...(query ? queryParameters(query) : []),
    ...headers.map((name) => ({ name, in: 'header', schema: { type: 'string' } })),
  ]
  const security = access !== 'public' && securityOf(access)
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

/** By token, with the scope as its role. Whether media need one is a matter of the configuration. */
function securityOf(access: Exclude<Route['access'], 'public'>): Json[] {
  return access === 'media' ? [{}, { token: ['read'] }] : [{ token: [access] }]
}

/** What can go wrong wherever there is a token, something to parse, or a job. */
function problemsOf({ access, path, query, body }: Route): number[] {
  const isJob = /^-\/api\/(backfills|verifications)\b/.test(path)
  return [
    ...(access === 'public' ? [] : [401, 403]),
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
      schema: {
        ...(isInteger ? { type: 'integer', ...limits } : schema),
        ...(fallback !== undefined && { default: isInteger ? Number(fallback) : fallback }),
      },
    }
  })
}

/** What a pipe checks of the number that it makes of text; JSON Schema has no words for that. */
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

function answersOf(id: string, { status = 200 }: Route, { answers, answerHeaders }: Operation): Json {
  if (typeof answers !== 'string')
    return Object.fromEntries(Object.entries(answers).map(([code, answer]) => [code, toResponse(answer)]))
  const schema = (ANSWERS as Record<string, v.GenericSchema>)[id]
  if (!schema) throw new Error(`src/schemas/answers.ts has no answer of ${id}`)
  const content = { 'application/json': { schema: toSchema(schema) } }
  const headers = answerHeaders && { headers: answerHeaders }
  return { [status]: { ...toResponse({ description: answers, ...headers }), content } }
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
