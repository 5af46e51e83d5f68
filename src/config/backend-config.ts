import * as v from 'valibot'
import type { Backend } from '../storage/backend.ts'
import {
  type BindingKind,
  type Env,
  bindingProblem,
  readBasicAuth,
  readSecret,
  readHeader,
} from './bindings.ts'
import { camelCase } from './case.ts'
import { isTable } from './json-list.ts'
import {
  type BackendType,
  credentialsName,
  customTable,
  firstIssues,
  httpTable,
  kvTable,
  r2Table,
  s3Table,
  secretName,
} from './schemas.ts'

/** `read_only` is `readOnly` here. */
type CamelCase<Key> = Key extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Key
type Settings<Table> = { [Key in keyof Table as CamelCase<Key>]: Table[Key] }

/** Adds properties that neither JSON nor the console prints; those that are undefined are omitted. */
export function withHidden<Target extends object, Hidden extends object>(
  target: Target,
  hidden: Hidden,
): Target & Hidden {
  for (const [key, value] of Object.entries(hidden))
    if (value !== undefined) Object.defineProperty(target, key, { value })
  return target as Target & Hidden
}

/** One backend table as written, and where its mistakes are reported. */
export interface TableSource {
  raw: Readonly<Record<string, unknown>>
  name: string
  env: Env
  report: (key: string, problem: string) => void
}

/** Builds each type's configuration from its table; `undefined` if a mistake was reported. */
export const BUILDERS = {
  r2: buildR2,
  kv: buildKv,
  s3: buildS3,
  http: buildHttp,
  custom: buildCustom,
} satisfies Record<StorageType, unknown>

export type StorageType = Exclude<BackendType, 'placeholder'>

/** The bindings, the credentials and the values of headers are never printed. */
export type BackendConfig = NonNullable<ReturnType<(typeof BUILDERS)[StorageType]>>
export type HttpConfig = Extract<BackendConfig, { type: 'http' }>

function buildR2(source: TableSource) {
  const table = check(r2Table, source)
  const bucket = findBinding<R2Bucket>(source, 'r2')
  if (!table || !bucket) return undefined
  const { bucket: bucket_name, ...others } = table
  return configured('r2', source, { settings: { ...others, bucket_name }, hidden: { bucket } })
}

function buildKv(source: TableSource) {
  const settings = check(kvTable, source)
  const namespace = findBinding<KVNamespace>(source, 'kv')
  return settings && namespace && configured('kv', source, { settings, hidden: { namespace } })
}

function buildS3(source: TableSource) {
  const table = check(s3Table, source)
  const credentials = findCredentials(source)
  if (!table) return undefined
  checkEndpoint(table, source.report)
  const { credentials: credentials_from, read_only = !table.mirror, ...others } = table
  const settings = { ...others, read_only, credentials_from }
  return configured('s3', source, { settings, hidden: { credentials } })
}

/** How the hosts of S3 services continue after a bucket's name. */
const SERVICE = /^(s3|storage)[.-]|(spaces|storage|objects)\.com$/

function checkEndpoint(
  { endpoint, bucket, region, addressing, credentials }: v.InferOutput<typeof s3Table>,
  report: TableSource['report'],
): void {
  const { hostname, pathname } = new URL(endpoint)
  if (addressing === 'virtual' && /^(\[.*\]|[\d.]+)$/.test(hostname))
    report('addressing', 'cannot be "virtual" for an endpoint that is an IP address; use "path"')
  const isInHost = hostname.startsWith(`${bucket}.`) && SERVICE.test(hostname.slice(bucket.length + 1))
  if (isInHost || pathname.endsWith(`/${bucket}/`))
    report(
      'endpoint',
      'must be the address of the service without the bucket, which is added to it; remove it',
    )
  if (credentials && region === 'auto' && /\.amazonaws\.com(\.cn)?$/.test(hostname))
    report('region', 'must be the region of the bucket for Amazon S3, e.g. "eu-central-1"')
}

function buildHttp(source: TableSource) {
  const table = check(httpTable, source)
  const { raw, report } = source
  const headers = findHeaders(source)
  const fetcher = findBinding<Fetcher>(source, 'fetcher')
  if (raw['url'] === undefined && raw['binding'] === undefined)
    report('url', "is missing: set `url` to the origin's base URL, or `binding` to a Fetcher binding")
  if (table?.redirect && table.basic_auth !== undefined)
    report('redirect', 'cannot be combined with `basic_auth`, which clients do not have; remove one of them')
  else if (table?.redirect && raw['binding'] !== undefined && raw['public_url'] === undefined)
    report('redirect', 'needs `public_url`: a binding has no URL that clients could be sent to')
  if (!table) return undefined
  const settings = {
    ...table,
    headers: undefined,
    basic_auth: undefined,
    header_names: Object.keys(headers),
  }
  return configured('http', source, { settings, hidden: { headers, fetcher } })
}

/** A backend of the Worker that uses this one as a library. */
function buildCustom(source: TableSource) {
  const table = check(customTable, source)
  if (!table) return undefined
  const { binding, ...settings } = table
  return configured('custom', source, { settings, hidden: { open: source.env[binding] as OpenCustom } })
}

/** Stands in `env` like a binding. */
export type OpenCustom = (name: string) => Backend

function configured<Type extends StorageType, Table extends object, Hidden extends object>(
  type: Type,
  { name }: TableSource,
  { settings, hidden }: { settings: Table; hidden: Hidden },
): { type: Type; name: string } & Settings<Omit<Table, 'type' | 'name' | keyof Hidden>> & Hidden {
  const entries = Object.entries(settings)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [camelCase(key), value])
  return withHidden({ ...Object.fromEntries(entries), type, name }, hidden)
}

/** The table with its defaults, or `undefined` after reporting the first mistake of each key. */
function check<Schema extends v.GenericSchema>(
  schema: Schema,
  { raw, report, env }: TableSource,
): v.InferOutput<Schema> | undefined {
  const result = v.safeParse(schema, raw)
  for (const [key, { path = [], message }] of firstIssues(result.issues)) {
    const place = path.map((step) => step.key).filter((step) => typeof step === 'string')
    if (key in raw) report(place.join('.'), message)
    else report(key, missing(key, raw['type'], env))
  }
  if (Number(raw['hedge_ms']) >= Number(raw['timeout_ms'] ?? 10_000))
    report('hedge_ms', 'must be less than `timeout_ms`')
  return result.success ? result.output : undefined
}

function missing(key: string, type: unknown, env: Env): string {
  if (key === 'binding') return bindingProblem(env, undefined, type === 'r2' ? 'r2' : 'kv') ?? ''
  if (key === 'bucket') return "is missing: set it to the bucket's name"
  return 'is missing: set it to the base URL of the S3 service, e.g. "https://s3.eu-central-1.amazonaws.com"'
}

function findBinding<Binding>({ raw, env, report }: TableSource, kind: BindingKind): Binding | undefined {
  const name = raw['binding']
  if (typeof name !== 'string' || name === '') return undefined
  const problem = bindingProblem(env, name, kind)
  if (problem === null) return env[name] as Binding
  report('binding', problem)
  return undefined
}

/** The key pair, and the session token if there is one. */
function findCredentials({ raw, env, report }: TableSource) {
  const prefix = raw['credentials']
  if (!v.is(credentialsName, prefix)) return undefined
  const read = (suffix: string): string => {
    const found = readSecret(env, `${prefix}_${suffix}`)
    if ('value' in found) return found.value
    report('credentials', found.problem)
    return ''
  }
  const credentials = { accessKeyId: read('ACCESS_KEY_ID'), secretAccessKey: read('SECRET_ACCESS_KEY') }
  return env[`${prefix}_SESSION_TOKEN`]
    ? { ...credentials, sessionToken: read('SESSION_TOKEN') }
    : credentials
}

function findHeaders({ raw, env, report }: TableSource): Record<string, string> {
  const { headers, basic_auth: secret } = raw
  const found: Record<string, string> = {}
  if (v.is(secretName, secret)) {
    const result = readBasicAuth(env, secret)
    if ('problem' in result) report('basic_auth', result.problem)
    else found['authorization'] = result.value
  }
  if (!isTable(headers)) return found
  for (const [header, value] of Object.entries(headers)) {
    const result =
      typeof value === 'string' ? readHeader(env, header, value) : { problem: 'must be a string' }
    const key = header.toLowerCase()
    if ('problem' in result) report(`headers.${header}`, result.problem)
    else if (key in found)
      report(
        `headers.${header}`,
        `is set twice${secret === undefined ? '' : ', here or by `basic_auth`'}; remove one of them`,
      )
    else found[key] = result.value
  }
  return found
}
