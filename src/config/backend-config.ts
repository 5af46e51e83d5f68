import * as v from 'valibot'
import type { S3Credentials } from '../backends/s3/request.ts'
import {
  type BindingKind,
  type Env,
  bindingProblem,
  noBindingProblem,
  readCredentials,
  readHeader,
} from './bindings.ts'
import {
  type HttpTable,
  type KvTable,
  type R2Table,
  type S3Table,
  credentialsName,
  httpTable,
  kvTable,
  r2Table,
  s3Table,
} from './schemas.ts'

export type BackendType = 'r2' | 'kv' | 's3' | 'http'

interface BaseConfig {
  name: string
  readOnly: boolean
  /** Put before a name to make the backend's own key; may be empty. */
  prefix: string
  include?: RegExp
  exclude?: RegExp
  timeoutMs: number
  idleTimeoutMs: number
  /** Milliseconds without an answer after which the next backend is tried too. */
  hedgeMs?: number
  /** Absolute URL or absolute path, ending in `/`. */
  publicUrl?: string
}

export interface R2Config extends BaseConfig {
  type: 'r2'
  binding: string
  bucketName?: string
  /** Not enumerable. */
  bucket: R2Bucket
}

export interface KvConfig extends BaseConfig {
  type: 'kv'
  binding: string
  /** Not enumerable. */
  namespace: KVNamespace
}

export interface S3Config extends BaseConfig {
  type: 's3'
  endpoint: string
  bucket: string
  region: string
  addressing: 'path' | 'virtual'
  absentStatuses: readonly number[]
  egressUsdPerGb?: number
  /** The secrets' common prefix; absent when requests go unsigned. */
  credentialsFrom?: string
  /** Not enumerable: never printed. */
  credentials?: S3Credentials
}

export interface HttpConfig extends BaseConfig {
  type: 'http'
  url?: string
  binding?: string
  absentStatuses: readonly number[]
  egressUsdPerGb?: number
  listing?: 'autoindex-json'
  /** Whether an HTML page answered for a picture's name is a failure. */
  checkType: boolean
  headerNames: readonly string[]
  /** Not enumerable: never printed. */
  headers: Readonly<Record<string, string>>
  /** Not enumerable. */
  fetcher?: Fetcher
}

export type BackendConfig = R2Config | KvConfig | S3Config | HttpConfig

/** `target` with further properties that neither JSON nor the console prints. */
export function withHidden<Target extends object, Hidden extends object>(
  target: Target,
  hidden: Hidden,
): Target & Hidden {
  for (const [key, value] of Object.entries(hidden)) Object.defineProperty(target, key, { value })
  return target as Target & Hidden
}

/** One backend table as it was written, and where its mistakes are reported. */
export interface TableSource {
  raw: Readonly<Record<string, unknown>>
  name: string
  env: Env
  report: (key: string, problem: string) => void
}

/** Each type's way from a table to its configuration; `undefined` when a mistake was reported. */
export const BUILDERS = { r2: buildR2, kv: buildKv, s3: buildS3, http: buildHttp } satisfies Record<
  BackendConfig['type'],
  (source: TableSource) => BackendConfig | undefined
>

function buildR2(source: TableSource): R2Config | undefined {
  const table = check(r2Table, source)
  const bucket = findBinding<R2Bucket>(source, 'r2')
  if (!table || !bucket) return undefined
  const { binding, bucket: bucketName } = table
  const own = { type: 'r2' as const, binding, ...(bucketName !== undefined && { bucketName }) }
  return withHidden({ ...own, ...common(source.name, table) }, { bucket })
}

function buildKv(source: TableSource): KvConfig | undefined {
  const table = check(kvTable, source)
  const namespace = findBinding<KVNamespace>(source, 'kv')
  if (!table || !namespace) return undefined
  return withHidden(
    { type: 'kv' as const, binding: table.binding, ...common(source.name, table) },
    { namespace },
  )
}

function buildS3(source: TableSource): S3Config | undefined {
  const table = check(s3Table, source)
  const { raw, env, report } = source
  const named = v.is(credentialsName, raw['credentials']) ? raw['credentials'] : undefined
  const found = named === undefined ? { problems: [] } : readCredentials(env, named)
  for (const problem of found.problems) report('credentials', problem)
  if (!table) return undefined
  const { endpoint, bucket, region, addressing } = table
  if (addressing === 'virtual' && /^(\[.*\]|[\d.]+)$/.test(new URL(endpoint).hostname))
    report('addressing', 'cannot be "virtual" for an endpoint that is an IP address; use "path"')
  const own = { type: 's3' as const, endpoint, bucket, region, addressing }
  return withHidden(
    {
      ...own,
      absentStatuses: table.absent_statuses,
      ...egressPrice(table),
      ...(named !== undefined && { credentialsFrom: named }),
      ...common(source.name, table),
    },
    found.credentials ? { credentials: found.credentials } : {},
  )
}

function buildHttp(source: TableSource): HttpConfig | undefined {
  const table = check(httpTable, source)
  const { raw, report } = source
  const headers = findHeaders(source)
  const fetcher = raw['binding'] === undefined ? undefined : findBinding<Fetcher>(source, 'fetcher')
  if (raw['url'] === undefined && raw['binding'] === undefined)
    report('url', "is missing: give the origin's base URL in `url`, or name a Fetcher in `binding`")
  if (!table) return undefined
  const { url, binding, listing } = table
  return withHidden(
    {
      type: 'http' as const,
      ...(url !== undefined && { url }),
      ...(binding !== undefined && { binding }),
      ...(listing !== undefined && { listing }),
      absentStatuses: table.absent_statuses,
      ...egressPrice(table),
      checkType: table.check_type,
      headerNames: Object.keys(headers),
      ...common(source.name, table),
    },
    { headers, ...(fetcher && { fetcher }) },
  )
}

/** The table with its defaults, or `undefined` after reporting the first mistake of each key. */
function check<Schema extends v.GenericSchema>(
  schema: Schema,
  { raw, report, env }: TableSource,
): v.InferOutput<Schema> | undefined {
  const result = v.safeParse(schema, raw)
  if (result.success) {
    checkHedge(raw, report)
    return result.output
  }
  const reported = new Set<string>()
  for (const issue of result.issues) {
    const [key = '', ...inner] = (issue.path ?? [])
      .map((step) => step.key)
      .filter((step) => typeof step === 'string')
    if (reported.has(key)) continue
    reported.add(key)
    if (key in raw) report([key, ...inner].join('.'), issue.message)
    else report(key, missing(key, raw['type'], env))
  }
  checkHedge(raw, report)
  return undefined
}

function missing(key: string, type: unknown, env: Env): string {
  if (key === 'binding') return noBindingProblem(env, type === 'r2' ? 'r2' : 'kv')
  if (key === 'bucket') return "is missing: give the bucket's name"
  return 'is missing: give the base URL of the S3 service, e.g. "https://s3.eu-central-1.amazonaws.com"'
}

function checkHedge(raw: TableSource['raw'], report: TableSource['report']): void {
  if (Number(raw['hedge_ms']) >= Number(raw['timeout_ms'] ?? 10_000))
    report('hedge_ms', 'must be less than `timeout_ms`, or the next backend is never tried early')
}

function findBinding<Binding>({ raw, env, report }: TableSource, kind: BindingKind): Binding | undefined {
  const name = raw['binding']
  if (typeof name !== 'string' || name === '') return undefined
  const problem = bindingProblem(env, name, kind)
  if (problem === null) return env[name] as Binding
  report('binding', problem)
  return undefined
}

function findHeaders({ raw, env, report }: TableSource): Record<string, string> {
  const { headers } = raw
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return {}
  const found: Record<string, string> = {}
  for (const [header, value] of Object.entries(headers)) {
    if (typeof value !== 'string') continue
    const result = readHeader(env, header, value)
    const key = header.toLowerCase()
    if ('problem' in result) report(`headers.${header}`, result.problem)
    else if (key in found) report(`headers.${header}`, 'is given twice; keep one')
    else found[key] = result.value
  }
  return found
}

function egressPrice({ egress_usd_per_gb: egressUsdPerGb }: S3Table | HttpTable) {
  return egressUsdPerGb === undefined ? {} : { egressUsdPerGb }
}

function common(name: string, table: R2Table | KvTable | S3Table | HttpTable) {
  const { include, exclude, hedge_ms: hedgeMs, public_url: publicUrl } = table
  return {
    name,
    readOnly: table.read_only,
    prefix: table.prefix,
    timeoutMs: table.timeout_ms,
    idleTimeoutMs: table.idle_timeout_ms,
    ...(include && { include }),
    ...(exclude && { exclude }),
    ...(hedgeMs !== undefined && { hedgeMs }),
    ...(publicUrl !== undefined && { publicUrl }),
  }
}
