import { BUILDERS, type BackendConfig } from './backend-config.ts'
import { type Mistake, didYouMean, nearest } from './errors.ts'
import type { Env } from './bindings.ts'
import { backendName, type BackendType, TABLE_KEYS } from './schemas.ts'
import * as v from 'valibot'

const VARIABLE = 'FALLBACK_STORAGES'
const TYPES = Object.keys(TABLE_KEYS) as BackendType[]
const EXAMPLE = `FALLBACK_STORAGES = [{ type = "r2", binding = "MEDIA" }]`

/** The chain's backends in their order; what is wrong goes to `mistakes`. */
export function readStorages(env: Env, mistakes: Mistake[]): BackendConfig[] {
  const report = (problem: string): BackendConfig[] => {
    mistakes.push({ variable: VARIABLE, problem })
    return []
  }
  let value = env[VARIABLE]
  if (value === undefined || value === '')
    return report(`is missing: list the backends in [vars] of wrangler.toml, e.g. ${EXAMPLE}`)
  if (typeof value === 'string') {
    const parsed = parseJson(value)
    if ('problem' in parsed) return report(parsed.problem)
    value = parsed.value
  }
  if (!Array.isArray(value)) return report(`must be an array of tables, or the same as JSON, e.g. ${EXAMPLE}`)
  if (value.length === 0) return report(`is empty: list at least one backend, e.g. ${EXAMPLE}`)
  const backends = value.map((raw: unknown, index) => readTable(raw, index, { env, mistakes }))
  reportDuplicates(value, mistakes)
  return backends.filter((backend) => backend !== undefined)
}

function parseJson(text: string): { value: unknown } | { problem: string } {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    // The engine's message quotes the text, which may hold a header's value.
    const position = error instanceof Error ? /position \d+/.exec(error.message)?.[0] : undefined
    return {
      problem: `is not valid JSON${position === undefined ? '' : ` (at ${position})`}; write [{"type": "r2", "binding": "MEDIA"}] with double quotes`,
    }
  }
}

function readTable(
  raw: unknown,
  index: number,
  { env, mistakes }: { env: Env; mistakes: Mistake[] },
): BackendConfig | undefined {
  if (!isTable(raw)) {
    mistakes.push({ variable: VARIABLE, backend: { index }, problem: 'must be a table with a `type`' })
    return undefined
  }
  const name = nameOf(raw)
  const before = mistakes.length
  const report = (key: string, problem: string): void => {
    mistakes.push({ variable: VARIABLE, backend: { index, name }, key, problem })
  }
  const type = readType(raw, report)
  if (type === undefined) return undefined
  for (const key of Object.keys(raw)) if (!TABLE_KEYS[type].includes(key)) report(key, unknownKey(key, type))
  const backend = BUILDERS[type]({ raw, name, env, report })
  return mistakes.length === before ? backend : undefined
}

function readType(raw: Record<string, unknown>, report: (key: string, problem: string) => void) {
  const { type } = raw
  const known = TYPES.find((candidate) => candidate === type)
  if (known !== undefined) return known
  const list = 'one of "r2", "kv", "s3", "http"'
  if (type === undefined) report('type', `is missing: give ${list}${didYouMeanKey(raw)}`)
  else if (typeof type !== 'string') report('type', `must be ${list}`)
  else report('type', `must be ${list}${didYouMean(type, TYPES)}`)
  return undefined
}

/** Where `type` is missing, one of the keys may be it, mistyped. */
function didYouMeanKey(raw: Record<string, unknown>): string {
  const key = Object.keys(raw).find((candidate) => nearest(candidate, ['type']) !== undefined)
  return key === undefined ? '' : `; the key \`${key}\` should be \`type\``
}

const SECRET_KEY = /secret|password|token|access_?key|api_?key|authorization/i

function unknownKey(key: string, type: BackendType): string {
  const owners = TYPES.filter((other) => TABLE_KEYS[other].includes(key))
  if (owners.length > 0) return `is not for ${type} backends, only for ${owners.join(' and ')}; remove it`
  const meant = nearest(key, TABLE_KEYS[type])
  if (meant !== undefined) return `is unknown; did you mean \`${meant}\`?`
  const hint = SECRET_HINTS[type]
  if (SECRET_KEY.test(key) && hint !== undefined) return `does not belong here: ${hint}`
  const akin = TABLE_KEYS[type].find((known) => known.startsWith(key) || key.startsWith(known))
  if (akin !== undefined) return `is unknown; did you mean \`${akin}\`?`
  return `is unknown; ${type} backends take ${TABLE_KEYS[type].join(', ')}`
}

const SECRET_HINTS: Partial<Record<BackendType, string>> = {
  s3: 'keep keys in secrets and name their prefix: `credentials = "LEGACY"` and npx wrangler secret put LEGACY_ACCESS_KEY_ID (and LEGACY_SECRET_ACCESS_KEY)',
  http: 'keep it in a secret and send it as a header: `headers = { Authorization = "$LEGACY_AUTHORIZATION" }` and npx wrangler secret put LEGACY_AUTHORIZATION',
}

function reportDuplicates(tables: readonly unknown[], mistakes: Mistake[]): void {
  const firsts = new Map<string, number>()
  for (const [index, raw] of tables.entries()) {
    if (!isTable(raw)) continue
    const name = nameOf(raw)
    const first = firsts.get(name)
    if (first === undefined) firsts.set(name, index)
    else
      mistakes.push({
        variable: VARIABLE,
        backend: { index, name },
        key: 'name',
        problem: `is the name of FALLBACK_STORAGES[${first}] too; give each backend a \`name\` of its own`,
      })
  }
}

/** The name as it is given, else the binding's in lower case, else the type. */
function nameOf(raw: Record<string, unknown>): string {
  const candidates = [raw['name'], raw['binding'], raw['type']]
  const usable = candidates.filter((candidate) => v.is(backendName, candidate))
  const [first = 'unnamed'] = usable
  return first === raw['name'] ? first : first.toLowerCase()
}

function isTable(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw)
}
