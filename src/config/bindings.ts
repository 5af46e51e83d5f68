import { didYouMean } from './errors.ts'
import { isPrintable } from './schemas.ts'

export type Env = Record<string, unknown>

/** Kinds of bindings, recognised by their methods: those of the simulator and remote ones share no class. */
export const KINDS = {
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
  // A Fetcher has a remote method for every property name, so it must be recognised first.
  if (has(value, 'fetch')) return 'fetcher'
  const kinds = Object.keys(KINDS) as BindingKind[]
  return kinds.find((kind) => KINDS[kind].methods.every((method) => has(value, method)))
}

/** What is wrong if `env[name]` is not a binding of that kind, or if there is no name; `null` if it is. */
export function bindingProblem(env: Env, name: string | undefined, kind: BindingKind): string | null {
  const value = name === undefined ? undefined : env[name]
  const found = bindingKind(value)
  if (found === kind) return null
  const { label, section } = KINDS[kind]
  const bound = Object.keys(env).filter((key) => bindingKind(env[key]) === kind)
  const use = bound.length > 0 && `use ${bound.map((key) => `\`${key}\``).join(' or ')}`
  const actual = found === undefined ? 'a variable or secret' : KINDS[found].label
  const problem =
    name === undefined
      ? `is missing: set it to the binding of ${label}`
      : value === undefined
        ? `there is no binding \`${name}\``
        : `\`${name}\` is ${actual}, not ${label}`
  return `${problem}; ${use ? `${use}, or ` : ''}add one under ${section} in wrangler.toml`
}

function has(value: object, method: string): boolean {
  return typeof (value as Record<string, unknown>)[method] === 'function'
}

/** A value, or what is wrong with it. The problem never contains the value. */
export type Found<Value> = { value: Value } | { problem: string }

/** The Authorization header for the secret `name`, whose value is `user:password` (RFC 7617). */
export function readBasicAuth(env: Env, name: string): Found<string> {
  const secret = readSecret(env, name, isPrintable)
  if ('problem' in secret) return secret
  if (!secret.value.includes(':'))
    return {
      problem: `the secret \`${name}\` must be user:password, but contains no colon; set it again with: npx wrangler secret put ${name}`,
    }
  // Node has no `toBase64` yet.
  const bytes = new TextEncoder().encode(secret.value)
  return { value: `Basic ${btoa(String.fromCharCode(...bytes))}` }
}

/** The secret `name`, if it can be sent in a header, or as `fits` says. */
export function readSecret(env: Env, name: string, fits = isHeaderValue): Found<string> {
  const value = env[name]
  const fix = `npx wrangler secret put ${name}`
  if (value === undefined || value === '') {
    const strings = Object.keys(env).filter((key) => typeof env[key] === 'string')
    return {
      problem: `the secret \`${name}\` is not set${didYouMean(name, strings)}; set it with: ${fix} (in development: a line in .dev.vars)`,
    }
  }
  if (typeof value !== 'string') return { problem: `\`${name}\` is not a string; set it with: ${fix}` }
  if (value !== value.trim() || !fits(value))
    return {
      problem: `the secret \`${name}\` contains a line break, a space at its start or end, or a character that a header cannot contain; set it again with: ${fix}`,
    }
  return { value }
}

/** Headers that the Worker or the platform sets itself, or that would change the meaning of the response. */
const RESERVED_HEADERS =
  /^(host|connection|keep-alive|te|trailer|upgrade|transfer-encoding|content-length|range|accept-encoding|if-.*|proxy-.*|cf-.*|fallback-storage-.*)$/

/** The value to send as `header`, with `"$NAME"` read from the secret NAME. */
export function readHeader(env: Env, header: string, value: string): Found<string> {
  if (!/^[!#$%&'*+\-.^_`|~\w]+$/.test(header)) return { problem: 'is not a valid header name' }
  if (RESERVED_HEADERS.test(header.toLowerCase()))
    return { problem: 'is set by the Worker itself; remove it' }
  if (value.startsWith('$')) {
    const name = value.slice(1)
    if (/^[A-Za-z_]\w*$/.test(name)) return readSecret(env, name)
    return { problem: 'must name a secret after the "$", e.g. "$LEGACY_TOKEN"' }
  }
  if (/\$[A-Z_]{2}/.test(value))
    return {
      problem:
        'can only be a whole secret: write "$NAME", and put the complete value, including "Bearer ", into the secret',
    }
  if (isHeaderValue(value)) return { value }
  return {
    problem: 'must be a valid header value: Latin-1, without line breaks or spaces at the start or end',
  }
}

export function isHeaderValue(value: string): boolean {
  return isPrintable(value) && value === value.trim() && !/[^\u0020-\u00ff]/.test(value)
}
