import * as v from 'valibot'
import { MAX_SHARED_BYTES } from '../bodies/memory-budget.ts'
import { type BindingKind, type Env, bindingKind, bindingProblem, isHeaderValue } from './bindings.ts'
import { audience, teamDomain } from './cloudflare-access.ts'
import { apiToken, eventsSecret } from './credentials.ts'
import { camelCase } from './case.ts'
import { type Mistake, nearest } from './errors.ts'
import { baseUrl, firstIssues, flag, mediaPath, percentage, seconds, text, wholeNumber } from './schemas.ts'

const MIB = 1024 * 1024

const ORIGINS_MESSAGE =
  'must be "*" or a comma-separated list of origins like "https://www.example.com", without path or trailing slash'

const corsOrigins = v.pipe(
  v.union([v.string(), v.array(v.string())], ORIGINS_MESSAGE),
  v.transform((value) => [value].flat().flatMap((list) => list.split(',').map((origin) => origin.trim()))),
  v.check(
    (origins) => (origins.length === 1 && origins[0] === '*') || origins.every(isOrigin),
    ORIGINS_MESSAGE,
  ),
  v.transform((origins): '*' | string[] => (origins[0] === '*' ? '*' : origins)),
)

/** A body that is copied while it streams is held in memory, so it has to fit there. */
const inlineBytes = wholeNumber(0, MAX_SHARED_BYTES)

/** One year, the longest that caches store responses. */
const MAX_EDGE_CACHE_SECONDS = 31_536_000

/** As AWS allows (docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html). */
const s3Bucket = text(
  'must be a bucket name: 3 to 63 lower-case letters, digits, "-" or ".", e.g. "media"',
  (value) => /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(value),
)

const s3Host = text(
  'must be a hostname in lower case, without "https://" and path, e.g. "s3.example.com"',
  (value) => /^[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?$/.test(value),
)

/** All variables except the chain, in the order in which mistakes are listed. */
export const variables = v.object({
  FALLBACK_DATA_MIGRATION: v.optional(flag, false),
  FALLBACK_DELETES: v.optional(
    v.picklist(['tombstone', 'first'], 'must be "tombstone" or "first"'),
    'tombstone',
  ),
  FALLBACK_INLINE_MAX_BYTES: v.optional(inlineBytes, 16 * MIB),
  FALLBACK_NEGATIVE_CACHE_SECONDS: v.optional(seconds(0, 3600), 2),
  FALLBACK_BREAKER_FAILURES: v.optional(wholeNumber(0, 1000), 5),
  FALLBACK_BREAKER_SECONDS: v.optional(seconds(0.1, 3600), 5),
  FALLBACK_SPECULATIVE_PERCENT: v.optional(percentage, 5),
  FALLBACK_SHADOW_PERCENT: v.optional(percentage, 0),
  FALLBACK_REPAIR: v.optional(v.picklist(['report', 'repair'], 'must be "report" or "repair"'), 'report'),
  FALLBACK_VERIFY_PER_SECOND: v.optional(wholeNumber(1, 100_000), 100),
  FALLBACK_KEEP_REPLACED_DAYS: v.optional(wholeNumber(0, 3650), 0),
  FALLBACK_LOG_READS_PER_SECOND: v.optional(wholeNumber(0, 1_000_000), 20),
  MEDIA_URL: v.exactOptional(baseUrl),
  MEDIA_PATH: v.optional(mediaPath, '/'),
  MEDIA_CACHE_CONTROL: v.optional(
    text('must be a Cache-Control value, e.g. "public, max-age=3600"', isHeaderValue),
    'public, max-age=3600',
  ),
  MEDIA_CORS_ORIGINS: v.exactOptional(corsOrigins),
  MEDIA_EDGE_CACHE_SECONDS: v.optional(wholeNumber(0, MAX_EDGE_CACHE_SECONDS), 0),
  MEDIA_MAX_UPLOAD_BYTES: v.exactOptional(wholeNumber(1, Number.MAX_SAFE_INTEGER)),
  MEDIA_ACCESS: v.optional(
    v.picklist(['public', 'token', 'signed'], 'must be "public", "token" or "signed"'),
    'public',
  ),
  ACCESS_AUDIENCE: v.exactOptional(audience),
  ACCESS_TEAM_DOMAIN: v.exactOptional(teamDomain),
  API_TOKEN: v.exactOptional(apiToken),
  EVENTS_SECRET: v.exactOptional(eventsSecret),
  S3_BUCKET: v.exactOptional(s3Bucket),
  S3_HOST: v.exactOptional(s3Host),
})

export type Variables = v.InferOutput<typeof variables>
export type VariablesInput = v.InferInput<typeof variables>

/** Every variable except the chain, with its default. If something is wrong, it is added to `mistakes` and the result is `undefined`. */
export function readVariables(env: Env, mistakes: Mistake[]): Variables | undefined {
  // An empty variable counts as not set: dashboards and shells unset variables that way.
  const given = Object.keys(variables.entries).filter((name) => env[name] !== undefined && env[name] !== '')
  const result = v.safeParse(variables, Object.fromEntries(given.map((name) => [name, env[name]])))
  for (const [variable, { message }] of firstIssues(result.issues))
    mistakes.push({ variable, problem: message })
  if (!result.success) return undefined
  if (result.output.ACCESS_TEAM_DOMAIN !== undefined && result.output.ACCESS_AUDIENCE === undefined)
    mistakes.push({
      variable: 'ACCESS_AUDIENCE',
      problem:
        'is missing: set it to the Application Audience (AUD) Tag of the application in Cloudflare Access, as `ACCESS_TEAM_DOMAIN` is set',
    })
  if (isS3OnMedia(result.output))
    mistakes.push({
      variable: 'S3_HOST',
      problem:
        'must not be the host of MEDIA_URL, nor become it with S3_BUCKET before it: only S3 clients are answered there; use a hostname of its own',
    })
  return result.output
}

function isS3OnMedia({ MEDIA_URL: mediaUrl, S3_HOST: s3Host, S3_BUCKET: bucket }: Variables): boolean {
  if (mediaUrl === undefined || s3Host === undefined) return false
  const { host, hostname } = new URL(mediaUrl)
  return [host, hostname].some((media) => media === s3Host || media === `${bucket}.${s3Host}`)
}

const KNOWN = ['FALLBACK_STORAGES', 'S3_KEYS', 'URL_SIGNING_KEYS', ...Object.keys(variables.entries)].filter(
  (name) => name !== 'API_TOKEN',
)
/** Not what a mistyped name could mean: the secrets of backends have names like these. */
const SECRETS = ['API_TOKEN', 'API_TOKENS']

/** All variables, without bindings and the secrets of backends. */
export const VARIABLE_NAMES = [...KNOWN, ...SECRETS]

/** Reports unknown variables whose names are almost those of known ones. */
export function reportMistyped(env: Env, mistakes: Mistake[]): void {
  for (const variable of Object.keys(env)) {
    if (VARIABLE_NAMES.includes(variable) || bindingKind(env[variable]) !== undefined) continue
    const meant = nearest(variable, KNOWN)
    if (meant !== undefined) mistakes.push({ variable, problem: `is unknown; did you mean \`${meant}\`?` })
  }
}

/** The platform services that are used if they are bound, each under its variable's name. */
export interface Services {
  copyQueue?: Queue
  backfillJobs?: DurableObjectNamespace
  verificationJobs?: DurableObjectNamespace
  jobIndex?: DurableObjectNamespace
  mirrorLog?: DurableObjectNamespace
  sourceChanges?: DurableObjectNamespace
  timeSeries?: DurableObjectNamespace
  analytics?: AnalyticsEngineDataset
  rateLimiter?: RateLimit
  /** The files of the dashboard and the documentation. */
  assets?: Fetcher
}

const SERVICES: Readonly<Record<string, BindingKind>> = {
  COPY_QUEUE: 'queue',
  BACKFILL_JOBS: 'durableObject',
  VERIFICATION_JOBS: 'durableObject',
  JOB_INDEX: 'durableObject',
  MIRROR_LOG: 'durableObject',
  SOURCE_CHANGES: 'durableObject',
  TIME_SERIES: 'durableObject',
  ANALYTICS: 'analytics',
  RATE_LIMITER: 'rateLimiter',
  ASSETS: 'fetcher',
}

export function readServices(env: Env, mistakes: Mistake[]): Services {
  const services: Record<string, unknown> = {}
  for (const [variable, kind] of Object.entries(SERVICES)) {
    if (env[variable] === undefined) continue
    const problem = bindingProblem(env, variable, kind)
    if (problem === null) services[camelCase(variable)] = env[variable]
    else mistakes.push({ variable, problem })
  }
  return services
}

function isOrigin(value: string): boolean {
  return URL.canParse(value) && new URL(value).origin === value && /^https?:/.test(value)
}
