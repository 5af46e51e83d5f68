import { table } from '../docs/table.ts'
import { buildDocument } from '../openapi/document.ts'
import { code, heading, plain } from './page.ts'

interface Schema {
  type?: string
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
  format?: string
  minimum?: number
  maximum?: number
  default?: unknown
  description?: string
}

interface Parameter {
  name: string
  in: string
  description?: string
  schema?: Schema
}

interface Body {
  description?: string
  content?: Record<string, { schema?: Schema }>
}

interface Operation {
  tags: string[]
  summary: string
  description?: string
  security?: Record<string, string[]>[]
  parameters?: Parameter[]
  requestBody?: Body
  responses: Record<string, Body>
}

type PathItem = { parameters?: Parameter[] } & Record<string, Operation>

/** docs/api.md: every operation of the OpenAPI document. */
export function apiPage(): string {
  const { paths } = buildDocument() as unknown as { paths: Record<string, PathItem> }
  const sections = new Map<string, string[]>()
  const known = new Map<string, string>()
  for (const [path, { parameters = [], ...operations }] of Object.entries(paths))
    for (const [method, operation] of Object.entries(operations)) {
      const [tag = ''] = operation.tags
      const text = describe(`${method.toUpperCase()} ${path}`, operation, { shared: parameters, known })
      sections.set(tag, [...(sections.get(tag) ?? []), text])
    }
  const introduction = `Every route of the Worker. With \`MEDIA_PATH = "/media/"\`, all paths are below \`/media/\`. A deployment has this document for itself at \`/-/docs\`, and as OpenAPI 3.1 at \`/-/api/openapi.json\`. [Access](access.md#tokens-and-scopes) explains scopes, and [errors](errors.md) the bodies of responses from 400 on. In Node, browsers and Workers, use the [typed client](cli.md#the-client).`
  const parts = [...sections].map(([tag, texts]) => `## ${tag}\n\n${texts.join('\n\n')}`)
  return `${heading('JSON API', introduction)}\n\n${parts.join('\n\n')}\n`
}

function describe(
  route: string,
  operation: Operation,
  { shared, known }: { shared: readonly Parameter[]; known: Map<string, string> },
): string {
  const parameters = [...shared, ...(operation.parameters ?? [])]
  const query = parameters.filter((parameter) => parameter.in === 'query')
  const headers = parameters.filter((parameter) => parameter.in === 'header')
  const request = jsonOf(operation.requestBody)
  const statuses = Object.keys(operation.responses)
  const answer = jsonOf(operation.responses[statuses.find((status) => status < '300') ?? ''])
  return [
    `### \`${route}\``,
    sentence([operation.summary, operation.description]),
    `${access(operation.security)} Answers ${statuses.map(code).join(', ')}.`,
    headers.length > 0 ? `Headers: ${headers.map(({ name }) => code(name)).join(', ')}.` : '',
    query.length > 0 ? fields('parameter', query.map(parameterRow)) : '',
    operation.requestBody ? requestOf(operation.requestBody) : '',
    request?.properties ? fields('field of the request', properties(request)) : '',
    answer?.properties ? answerOf(route, answer, known) : '',
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function access(security: readonly Record<string, string[]>[] | undefined): string {
  const ways = security ?? []
  const [scope] = ways.find((way) => way['token'])?.['token'] ?? []
  if (ways.length === 0) return 'For everyone.'
  if (ways.some((way) => Object.keys(way).length === 0))
    return `For everyone, unless media are private; then scope \`${scope}\`.`
  return scope === undefined ? 'With any token.' : `Scope \`${scope}\`.`
}

function requestOf({ description = '', content = {} }: Body): string {
  const types = Object.keys(content).filter((type) => type !== '*/*')
  const as = types.length > 0 && types.length < 3 ? ` (${types.map(code).join(', ')})` : ''
  return `**Body**${as}${description ? `: ${sentence([description])}` : ''}`
}

/** Several routes answer with the same long document, which is described once. */
function answerOf(route: string, answer: Schema, known: Map<string, string>): string {
  const described = fields('field of the answer', properties(answer))
  const first = known.get(described)
  if (first !== undefined && properties(answer).length > 3) return `Answers like ${code(first)}.`
  known.set(described, route)
  return described
}

function jsonOf(body: Body | undefined): Schema | undefined {
  return body?.content?.['application/json']?.schema
}

function parameterRow({ name, description, schema = {} }: Parameter): string[] {
  return [code(name), typeOf(schema), notes({ ...schema, ...(description && { description }) })]
}

function properties({ properties: all = {} }: Schema): string[][] {
  return Object.entries(all).map(([name, schema]) => [code(name), typeOf(schema), notes(schema)])
}

function fields(title: string, rows: string[][]): string {
  return table([title, 'type', 'meaning'], rows)
}

function typeOf(schema: Schema): string {
  const { type, anyOf, items, format } = schema
  if ('const' in schema) return code(JSON.stringify(schema.const))
  if (schema.enum) return schema.enum.map((value) => code(JSON.stringify(value))).join(', ')
  if (anyOf) return [...new Set(anyOf.map(typeOf))].join(' or ')
  if (type === 'array') return items ? `list of ${typeOf(items)}` : 'list'
  if (type === 'object') {
    const names = Object.keys(schema.properties ?? {})
    return names.length > 0 ? `{ ${names.map(code).join(', ')} }` : 'object'
  }
  return format === 'date-time' ? 'time' : (type ?? 'any')
}

function notes({ description, default: given, minimum, maximum, anyOf = [] }: Schema): string {
  const limits = [
    minimum === undefined || minimum === 0 ? '' : `at least ${minimum}`,
    maximum === undefined ? '' : `at most ${maximum}`,
  ]
  const known = description ?? anyOf.find((one) => one.description !== undefined)?.description
  return sentence([
    known,
    limits.filter((limit) => limit !== '').join(', '),
    given === undefined || given === '' ? undefined : `Default: ${code(JSON.stringify(given))}`,
  ])
}

function sentence(parts: readonly (string | undefined)[]): string {
  return parts
    .filter((part): part is string => part !== undefined && part !== '')
    .map((part) => part.slice(0, 1).toUpperCase() + part.slice(1))
    .map((part) => (/[.!?:]$/.test(part) ? part : `${part}.`))
    .map(outsideCode)
    .join(' ')
}

/** Escapes what is not code. */
function outsideCode(text: string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : plain(part)))
    .join('')
}
