import { BUILDERS, type BackendConfig } from './backend-config.ts'
import { type Mistake, didYouMean, nearest } from './errors.ts'
import type { Env, Found } from './bindings.ts'
import { isTable, readJsonList } from './json-list.ts'
import { BACKEND_NAME_MESSAGE, backendName, type BackendType, TABLE_KEYS } from './schemas.ts'
import * as v from 'valibot'

const VARIABLE = 'FALLBACK_STORAGES'
/** Those that variables can name. */
const TYPES = (Object.keys(TABLE_KEYS) as BackendType[]).filter((type) => type !== 'custom')
export const EXAMPLE = `FALLBACK_STORAGES = [{ type = "r2", binding = "MEDIA" }]`
const JSON_EXAMPLE = '{"type": "r2", "binding": "MEDIA"}'

/** The backends in order, and the name of what stands in for missing pictures. */
export interface Storages {
  backends: BackendConfig[]
  placeholder?: string
}

/** The chain as configured. Mistakes are added to `mistakes`. */
export function readStorages(env: Env, mistakes: Mistake[]): Storages {
  const chain = readChain(env[VARIABLE])
  if ('problem' in chain) {
    mistakes.push({ variable: VARIABLE, problem: chain.problem })
    return { backends: [] }
  }
  const names: string[] = []
  const places = new Map<string, BackendConfig>()
  let placeholder: string | undefined
  const backends = chain.value.flatMap((raw, index) => {
    if (!isTable(raw)) {
      mistakes.push({ variable: VARIABLE, entry: { index }, problem: 'must be a table with a `type`' })
      return []
    }
    const name = nameOf(raw)
    const report = (key: string, problem: string): void => {
      mistakes.push({ variable: VARIABLE, entry: { index, name }, key, problem })
    }
    const first = names.indexOf(name)
    names[index] = name
    if (first >= 0)
      report('name', `is already the name of ${VARIABLE}[${first}]; give each backend its own \`name\``)
    const isCustom = raw['type'] === 'custom' && typeof env[String(raw['binding'])] === 'function'
    const type = isCustom ? 'custom' : readType(raw, report)
    if (type === undefined) return []
    for (const key of Object.keys(raw))
      if (!TABLE_KEYS[type].includes(key)) report(key, unknownKey(key, type))
    if (type !== 'placeholder') {
      const backend = BUILDERS[type]({ raw, name, env, report })
      if (!backend) return []
      const place = placeOf(backend)
      const other = places.get(place)
      // With filters, they may have different parts of it.
      if (other && first < 0 && !(isFiltered(backend) && isFiltered(other)))
        report('prefix', `must differ from that of ${other.name}: both backends are the same storage`)
      places.set(place, backend)
      return backend
    }
    placeholder = name
    if ('name' in raw && !v.is(backendName, raw['name'])) report('name', BACKEND_NAME_MESSAGE)
    if (index < chain.value.length - 1) report('type', 'must be last: what is behind it would never be tried')
    if (index === 0) report('type', 'cannot be the only backend, because it holds nothing; add one before it')
    return []
  })
  return { backends, ...(placeholder !== undefined && { placeholder }) }
}

/** Where its objects are. Of one place twice, a verification would compare the objects with themselves. */
function placeOf(backend: BackendConfig): string {
  const { type, name, prefix } = backend
  if (type === 's3') return JSON.stringify([backend.endpoint, backend.bucket, prefix])
  return JSON.stringify(type === 'r2' || type === 'kv' ? [backend.binding, prefix] : [name])
}

function isFiltered({ include, exclude }: BackendConfig): boolean {
  return include !== undefined || exclude !== undefined
}

/** The variable's value as an array; it may also be a JSON string. */
function readChain(given: unknown): Found<readonly unknown[]> {
  if (given === undefined || given === '')
    return { problem: `is missing: list the backends in [vars] of wrangler.toml, e.g. ${EXAMPLE}` }
  const list = readJsonList(given, JSON_EXAMPLE)
  if ('problem' in list || list.value.length > 0) return list
  return { problem: `is empty: list at least one backend, e.g. ${EXAMPLE}` }
}

function readType(
  raw: Record<string, unknown>,
  report: (key: string, problem: string) => void,
): BackendType | undefined {
  const { type } = raw
  const known = TYPES.find((candidate) => candidate === type)
  const list = '"r2", "kv", "s3", "http" or "placeholder"'
  // If it is missing, one of the keys may be a mistyped `type`.
  const mistyped = Object.keys(raw).find((key) => nearest(key, ['type']) !== undefined)
  const hint = mistyped === undefined ? '' : `; did you mean \`type\` instead of \`${mistyped}\`?`
  if (type === undefined) report('type', `is missing: set it to ${list}${hint}`)
  else if (known === undefined)
    report('type', `must be ${list}${typeof type === 'string' ? didYouMean(type, TYPES) : ''}`)
  return known
}

const SECRET_KEY = /secret|password|token|access_?key|api_?key|authorization/i

function unknownKey(key: string, type: BackendType): string {
  const owners = TYPES.filter((other) => TABLE_KEYS[other].includes(key))
  if (owners.length > 0) return `is not for ${type} backends, only for ${owners.join(' and ')}; remove it`
  const meant = nearest(key, TABLE_KEYS[type])
  if (meant !== undefined) return `is unknown; did you mean \`${meant}\`?`
  const hint = SECRET_HINTS[type]
  if (SECRET_KEY.test(key) && hint !== undefined) return `must be a secret: ${hint}`
  const akin = TABLE_KEYS[type].find((known) => known.startsWith(key) || key.startsWith(known))
  if (akin !== undefined) return `is unknown; did you mean \`${akin}\`?`
  return `is unknown; the keys of ${type} backends are ${TABLE_KEYS[type].join(', ')}`
}

const SECRET_HINTS: Partial<Record<BackendType, string>> = {
  s3: 'set `credentials = "LEGACY"`, and run npx wrangler secret put LEGACY_ACCESS_KEY_ID and npx wrangler secret put LEGACY_SECRET_ACCESS_KEY',
  http: 'set `headers = { Authorization = "$LEGACY_AUTHORIZATION" }`, and run npx wrangler secret put LEGACY_AUTHORIZATION',
}

/** The configured name, or else the binding's in lower case, or else the type. */
function nameOf(raw: Record<string, unknown>): string {
  const [first = 'unnamed'] = [raw['name'], raw['binding'], raw['type']].filter((candidate) =>
    v.is(backendName, candidate),
  )
  return first === raw['name'] ? first : first.toLowerCase()
}
