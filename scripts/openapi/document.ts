import { toJsonSchema } from '@valibot/to-json-schema'
import { type GenericSchema, getMetadata } from 'valibot'
import { problem } from './answers.ts'
import { jobOperations } from './job-operations.ts'
import { mediaOperations } from './media-operations.ts'
import { methodOperations } from './method-operations.ts'
import type { Answer, Operation, QuerySchema, RequestBody } from './operation.ts'
import { operatorOperations } from './operator-operations.ts'

type Json = Record<string, unknown>

const PROBLEMS: Record<number, string> = {
  400: 'The name, the query or the body cannot be used, or the bytes are not the ones announced.',
  401: 'The token is missing or wrong.',
  403: 'No token is configured, or its scope does not reach.',
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

const operations = [...mediaOperations, ...methodOperations, ...operatorOperations, ...jobOperations]

/** The OpenAPI 3.1 document of everything that the Worker serves. */
export function buildDocument(): Json {
  const paths: Record<string, Json> = {}
  for (const operation of operations) {
    const item = (paths[operation.path] ??= pathItem(operation.path))
    item[operation.method] = toOperation(operation)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'fallback-storage',
      version: '1',
      description: 'An ordered chain of storage backends as one: media over HTTP, and a JSON API beside it.',
    },
    servers: [{ url: '/' }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
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

function toOperation(operation: Operation): Json {
  const { id, tag, summary, description, body, query, headers = [] } = operation
  const parameters = [
    ...(query ? queryParameters(query) : []),
    ...headers.map((name) => ({ name, in: 'header', schema: { type: 'string' } })),
  ]
  const security = operation.protected ? [{ token: [] }] : operation.takesToken && [{}, { token: [] }]
  const problems = [...(security ? [401, 403] : []), ...(operation.problems ?? [])]
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description && { description }),
    ...(security && { security }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: toRequestBody(body) }),
    responses: {
      ...Object.fromEntries(
        Object.entries(operation.answers).map(([status, answer]) => [status, toResponse(answer)]),
      ),
      ...Object.fromEntries(
        problems.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }]),
      ),
    },
  }
}

/** Numbers in a query are text to the routes, and integers to whoever reads the document. */
function queryParameters(query: QuerySchema): Json[] {
  return Object.entries(query.entries).map(([name, entry]) => {
    const { default: fallback, ...schema } = toSchema(entry)
    const limits = getMetadata('wrapped' in entry ? entry.wrapped : entry)
    const isInteger = 'minimum' in limits
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

function toRequestBody({ schema, types = [], required, description }: RequestBody): Json {
  const others = types.map((type) => [type, {}] as const)
  return {
    ...(description && { description }),
    required,
    content: Object.fromEntries([
      ...(schema ? [['application/json', { schema: toSchema(schema) }] as const] : []),
      ...others,
    ]),
  }
}

function toResponse({ description, schema, type, headers = [] }: Answer): Json {
  return {
    description,
    ...(headers.length > 0 && {
      headers: Object.fromEntries(headers.map((name) => [name, toHeader(name)])),
    }),
    ...(schema && { content: { 'application/json': { schema: toSchema(schema) } } }),
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

function toSchema(schema: GenericSchema): Json {
  const options = { typeMode: 'input', target: 'draft-2020-12', errorMode: 'ignore' } as const
  const { $schema: _, ...json } = toJsonSchema(schema, options)
  return json as Json
}
