import { env as workerEnv } from 'cloudflare:workers'
import type * as v from 'valibot'
import type { OpenCustom } from './config/backend-config.ts'
import { bindingKind } from './config/bindings.ts'
import { camelCase, snakeCase } from './config/case.ts'
import { type Config, ConfigError, parseConfig } from './config/config.ts'
import type { TokenTable } from './config/credentials.ts'
import { didYouMean, type Mistake } from './config/errors.ts'
import type { S3KeyTable } from './config/s3-keys.ts'
import type { customTable, httpTable, kvTable, r2Table, s3Table } from './config/schemas.ts'
import type { SigningKeyTable } from './config/signing-keys.ts'
import { EXAMPLE } from './config/storages.ts'
import { VARIABLE_NAMES, type VariablesInput } from './config/variables.ts'
import type { Backend } from './storage/backend.ts'
import { customBackend } from './custom-backend.ts'

/** `read_only` and `READ_ONLY` are `readOnly` here. */
type CamelCase<Key extends string> = Key extends `${infer Head}_${infer Tail}`
  ? `${Lowercase<Head>}${Capitalize<CamelCase<Tail>>}`
  : Lowercase<Key>
type OptionName<Variable> = Variable extends `FALLBACK_DATA_${infer Name}` | `FALLBACK_${infer Name}`
  ? CamelCase<Name>
  : CamelCase<Variable & string>
type Camelized<Table> = { [Key in keyof Table as CamelCase<Key & string>]: Table[Key] | undefined }
type Settings<Table extends v.GenericSchema, Own extends string = never> = Camelized<
  Omit<v.InferInput<Table>, 'type' | 'binding' | Own>
>

/** One place of the chain, as `r2`, `kv`, `s3`, `http` and `custom` make it; a backend of your own can also stand there itself. */
export interface StorageTable {
  readonly type: 'r2' | 'kv' | 's3' | 'http' | 'custom' | 'placeholder'
  readonly [setting: string]: unknown
}

/** The settings of docs/configuration.md: a variable `FALLBACK_KEEP_REPLACED_DAYS` is the option `keepReplacedDays`. */
export type Options = {
  [Variable in keyof VariablesInput as OptionName<Variable>]?: VariablesInput[Variable] | undefined
} & {
  /** The chain: they are tried in this order, and the first is the primary. */
  storages: readonly (StorageTable | Backend)[]
  apiTokens?: readonly TokenTable[] | undefined
  s3Keys?: readonly Camelized<S3KeyTable>[] | undefined
  urlSigningKeys?: readonly SigningKeyTable[] | undefined
}

/** The key pair of an S3 service. */
export interface S3Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
}

export type R2Settings = Settings<typeof r2Table>
export type KvSettings = Settings<typeof kvTable>
export type S3Settings = Settings<typeof s3Table, 'credentials'> & {
  endpoint: string
  bucket: string
  /** Without them, requests are not signed. */
  credentials?: S3Credentials | undefined
}
export type HttpSettings = Settings<typeof httpTable, 'url' | 'basic_auth'> & {
  /** `user:password` */
  basicAuth?: string | undefined
}
export type CustomSettings = Settings<typeof customTable>

/** An R2 bucket. */
export function r2(bucket: R2Bucket, settings: R2Settings = {}): StorageTable {
  return { ...settings, type: 'r2', binding: bucket }
}

/** A KV namespace. */
export function kv(namespace: KVNamespace, settings: KvSettings = {}): StorageTable {
  return { ...settings, type: 'kv', binding: namespace }
}

/** A bucket of an S3 service. */
export function s3(settings: S3Settings): StorageTable {
  return { ...settings, type: 's3' }
}

/** A web server that serves the files: its base URL, or a binding with `fetch`. */
export function http(origin: string | URL | Fetcher, settings: HttpSettings = {}): StorageTable {
  const isUrl = typeof origin === 'string' || origin instanceof URL
  return { ...settings, type: 'http', ...(isUrl ? { url: String(origin) } : { binding: origin }) }
}

/** Last in the chain: answers for pictures that no backend has. */
export function placeholder(settings: { name?: string } = {}): StorageTable {
  return { ...settings, type: 'placeholder' }
}

/** A backend of your own, with settings as the others have them. */
export function custom(backend: Backend, settings: CustomSettings = {}): StorageTable {
  const open: OpenCustom = (name) => customBackend(name, backend)
  if (isBackend(backend)) return { name: backend.name, ...settings, type: 'custom', binding: open }
  const problem = 'a backend of your own needs a `name`, and the methods `get` and `head`'
  throw new ConfigError([{ variable: 'storages', problem }])
}

function isBackend({ name, get, head }: Partial<Record<keyof Backend, unknown>>): boolean {
  return typeof name === 'string' && typeof get === 'function' && typeof head === 'function'
}

const OPTIONS = new Map(VARIABLE_NAMES.map((variable) => [optionName(variable), variable]))

/** Options as what `env` would contain for the same configuration, so that both are checked in one place. */
export function parseOptions(options: Options, env: object): Config {
  const unknown = Object.keys(options).filter((option) => !OPTIONS.has(option))
  const mistakes: Mistake[] = unknown.map((option) => ({
    variable: option,
    problem: `is unknown${didYouMean(option, OPTIONS.keys()) || '; remove it'}`,
  }))
  try {
    const config = parseConfig(toVariables(options, env))
    if (mistakes.length === 0) return config
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    mistakes.push(...error.mistakes.map(asOptions))
  }
  throw new ConfigError(mistakes)
}

function toVariables(options: Options, env: object): Record<string, unknown> {
  // Only bindings: variables and secrets of the Worker may be about something else.
  const bindings = Object.entries({ ...workerEnv, ...env }).filter(
    ([, value]) => bindingKind(value) !== undefined,
  )
  const variables: Record<string, unknown> = Object.fromEntries(bindings)
  for (const [option, value] of Object.entries(options)) {
    const variable = OPTIONS.get(option)
    if (variable !== undefined && value !== undefined)
      variables[variable] = Array.isArray(value) ? value.map(toTable) : value
  }
  const { FALLBACK_STORAGES: storages } = variables
  if (Array.isArray(storages))
    variables['FALLBACK_STORAGES'] = storages.map((table: unknown, index) =>
      named(table, `STORAGES_${index}`, variables),
    )
  return variables
}

/** A table with the keys of a variable's. */
function toTable(entry: unknown): unknown {
  if (typeof entry !== 'object' || entry === null) return entry
  const table = 'get' in entry ? custom(entry as Backend) : entry
  const settings = Object.entries(table).filter(([, value]) => value !== undefined)
  return Object.fromEntries(settings.map(([key, value]) => [snakeCase(key), value as unknown]))
}

/** The table with the names of its binding and secrets, which are added to `variables` unless they are there. */
function named(table: unknown, id: string, variables: Record<string, unknown>): unknown {
  if (typeof table !== 'object' || table === null) return table
  const { binding, credentials, headers, basic_auth: basicAuth, ...others } = table as Record<string, unknown>
  const add = (name: string, value: unknown): string => {
    variables[name] = value
    return name
  }
  const isSet = (value: unknown): value is object => typeof value === 'object' && value !== null
  const known = Object.keys(variables).find((name) => variables[name] === binding)
  const pairs = isSet(credentials) ? Object.entries(credentials) : []
  for (const [key, value] of pairs) add(`${id}_${snakeCase(key).toUpperCase()}`, value)
  return {
    ...others,
    ...(binding !== undefined && { binding: known ?? add(id, binding) }),
    ...(credentials !== undefined && { credentials: isSet(credentials) ? id : credentials }),
    ...(basicAuth !== undefined && { basic_auth: add(`${id}_BASIC_AUTH`, basicAuth) }),
    ...(headers !== undefined && {
      headers: isSet(headers)
        ? Object.fromEntries(
            Object.entries(headers).map(([header, value], index) => [
              header,
              `$${add(`${id}_HEADER_${index}`, value)}`,
            ]),
          )
        : headers,
    }),
  }
}

/** The mistake in the words of options. */
function asOptions({ variable, key, problem, ...place }: Mistake): Mistake {
  const inWords = problem
    .replace(EXAMPLE, 'storages: [r2(env.MEDIA)]')
    .replaceAll(/; (?:set it (?:again )?with: npx wrangler secret put|did you mean) `?STORAGES_.*$/g, '')
    .replaceAll(/(?:the secret )?`STORAGES_\d+_(\w+)`/g, (_, name: string) =>
      /^(?:HEADER|BASIC)/.test(name) ? 'the value' : `\`${camelCase(name)}\``,
    )
    .replaceAll(/`STORAGES_\d+`/g, 'it')
    .replaceAll(/(?<!secret put )\b[A-Z][A-Z\d]*(?:_[A-Z\d]+)+\b/g, (name) =>
      VARIABLE_NAMES.includes(name) ? optionName(name) : name,
    )
    .replaceAll(/`([a-z]+(?:_[a-z]+)+)`/g, (_, name: string) => `\`${camelCase(name)}\``)
  return {
    ...place,
    variable: VARIABLE_NAMES.includes(variable) ? optionName(variable) : variable,
    ...(key !== undefined && { key: key.replace(/^[a-z_]+/, camelCase) }),
    problem: inWords,
  }
}

function optionName(variable: string): string {
  return camelCase(variable.replace(/^FALLBACK_(?:DATA_)?/, ''))
}
