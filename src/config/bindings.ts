import { didYouMean } from './near.ts'

/** Kinds of bindings, recognised by their methods: those of the simulator and remote ones share no class. */
const KINDS = {
  r2: { label: 'an R2 bucket', methods: ['get', 'put', 'createMultipartUpload'], section: '[[r2_buckets]]' },
  kv: { label: 'a KV namespace', methods: ['getWithMetadata', 'put'], section: '[[kv_namespaces]]' },
  fetcher: { label: 'a Fetcher', methods: ['fetch'], section: '[[services]] or [assets]' },
  queue: { label: 'a queue', methods: ['send', 'sendBatch'], section: '[[queues.producers]]' },
  durableObject: {
    label: 'a Durable Object namespace',
    methods: ['idFromName', 'get'],
    section: '[[durable_objects.bindings]]',
  },
  analytics: {
    label: 'an Analytics Engine data set',
    methods: ['writeDataPoint'],
    section: '[[analytics_engine_datasets]]',
  },
  rateLimiter: { label: 'a rate limiter', methods: ['limit'], section: '[[ratelimits]]' },
} as const

export type BindingKind = keyof typeof KINDS

/** The kind of binding that a value of `env` is; plain variables and secrets have none. */
export function bindingKind(value: unknown): BindingKind | undefined {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return undefined
  // A Fetcher answers every property with a remote method, so it must be recognised first.
  if (has(value, 'fetch')) return 'fetcher'
  const kinds = Object.keys(KINDS) as BindingKind[]
  return kinds.find((kind) => KINDS[kind].methods.every((method) => has(value, method)))
}

/** What is wrong when `env[name]` should be a binding of that kind; nothing when it is one. */
export function bindingProblem(env: Record<string, unknown>, name: string, kind: BindingKind): string | null {
  const value = env[name]
  const found = bindingKind(value)
  if (found === kind) return null
  const { label, section } = KINDS[kind]
  if (value === undefined)
    return `there is no binding \`${name}\`${existing(env, kind, name)}; else add one under ${section} in wrangler.toml`
  const actual = found === undefined ? 'a variable or secret' : KINDS[found].label
  return `\`${name}\` is ${actual}, not ${label}${existing(env, kind, name)}; else add one under ${section} in wrangler.toml`
}

/** What is wrong when no binding is named at all. */
export function noBindingProblem(env: Record<string, unknown>, kind: BindingKind): string {
  const { label, section } = KINDS[kind]
  return `is missing: name ${label}${existing(env, kind, '')}; else add one under ${section} in wrangler.toml`
}

function existing(env: Record<string, unknown>, kind: BindingKind, wanted: string): string {
  const names = Object.keys(env).filter((name) => bindingKind(env[name]) === kind)
  if (names.length === 0) return ' (none is bound)'
  const list = names.map((name) => `\`${name}\``).join(', ')
  return ` (bound: ${list})${didYouMean(wanted, names)}`
}

function has(value: object, method: string): boolean {
  return typeof (value as Record<string, unknown>)[method] === 'function'
}
