import { type CertificateKey, certificateKeys } from '../access/certificates.ts'
import { createUrlSigner, type UrlSigner } from '../access/signed-url.ts'
import type { S3Key } from '../access/s3-keys.ts'
import type { Token } from '../access/tokens.ts'
import { isPublicHost } from '../backends/http/public-address.ts'
import { type BackendConfig, withHidden } from './backend-config.ts'
import { snakeCase } from './case.ts'
import { readTokens } from './credentials.ts'
import { ConfigError, type Mistake } from './errors.ts'
import { reportMirrors } from './mirrors.ts'
import { readS3Keys } from './s3-keys.ts'
import { readSigningKeys } from './signing-keys.ts'
import { readStorages, type Storages } from './storages.ts'
import { type Services, type Variables, readServices, readVariables, reportMistyped } from './variables.ts'

export { ConfigError }

/** The checked configuration from variables, secrets and bindings. JSON and the console never print its secrets. */
export type Config = ReturnType<typeof assemble>

/** Reads the configuration from `env`. Throws one ConfigError that lists every mistake. */
export function parseConfig(env: Record<string, unknown>): Config {
  const mistakes: Mistake[] = []
  const storages = readStorages(env, mistakes)
  const { backends } = storages
  const variables = readVariables(env, mistakes)
  const tokens = readTokens(env, mistakes)
  const signingKeys = readSigningKeys(env, mistakes)
  const s3Keys = readS3Keys(env, mistakes)
  const services = readServices(env, mistakes)
  if (variables) reportMirrors(backends, { variables, services }, mistakes)
  if (variables && variables.MEDIA_ACCESS !== 'public')
    for (const [index, { name, ...backend }] of backends.entries())
      if ('redirect' in backend && backend.redirect) {
        const problem =
          'needs MEDIA_ACCESS = "public": whoever gets the backend\'s URL could pass it on; remove it'
        mistakes.push({ variable: 'FALLBACK_STORAGES', entry: { index, name }, key: 'redirect', problem })
      }
  if (variables && variables.FALLBACK_KEEP_REPLACED_DAYS > 0 && !services.jobIndex) {
    const problem = 'is missing: FALLBACK_KEEP_REPLACED_DAYS needs it; bind it as in wrangler.toml'
    mistakes.push({ variable: 'JOB_INDEX', problem })
  }
  reportMistyped(env, mistakes)
  if (mistakes.length > 0 || variables === undefined) throw new ConfigError(mistakes)
  const [first, ...others] = signingKeys
  const urlSigner = first && createUrlSigner([first, ...others])
  const hidden = {
    services,
    tokens,
    s3Keys,
    urlSigner,
    certificateKeys: certificateKeys(signingKeys, tokens),
    eventsSecret: variables.EVENTS_SECRET,
  }
  return assemble(storages, variables, hidden)
}

interface Hidden {
  services: Services
  tokens: readonly Token[]
  s3Keys: readonly S3Key[]
  urlSigner: UrlSigner | undefined
  /** The first signs certificates, all check them. */
  certificateKeys: readonly CertificateKey[]
  eventsSecret: string | undefined
}

function assemble({ backends, placeholder }: Storages, variables: Variables, hidden: Hidden) {
  const config = {
    backends,
    /** Stands in for pictures that no backend has, under this name. */
    placeholder,
    migration: variables.FALLBACK_DATA_MIGRATION,
    deletes: variables.FALLBACK_DELETES,
    /** Public base of the media, ending in `/`. Default: the request's origin. */
    mediaUrl: variables.MEDIA_URL,
    mediaPath: variables.MEDIA_PATH,
    mediaAccess: variables.MEDIA_ACCESS,
    cloudflareAccess:
      variables.ACCESS_AUDIENCE === undefined
        ? undefined
        : { audience: variables.ACCESS_AUDIENCE, issuer: variables.ACCESS_TEAM_DOMAIN },
    cacheControl: variables.MEDIA_CACHE_CONTROL,
    /** 0: nothing is cached at the edge. */
    edgeCacheSeconds: variables.MEDIA_EDGE_CACHE_SECONDS,
    corsOrigins: variables.MEDIA_CORS_ORIGINS ?? null,
    maxUploadBytes: variables.MEDIA_MAX_UPLOAD_BYTES,
    /** The name under which S3 clients see the chain; without it or without keys, the S3 API is off. */
    s3Bucket: variables.S3_BUCKET,
    /** The hostname on which only S3 clients are answered, with its port if that is not the default. */
    s3Host: variables.S3_HOST,
    /** The most speculative requests that turn out not to be needed, in percent of all reads. 0: there are none. */
    speculativePercent: variables.FALLBACK_SPECULATIVE_PERCENT,
    /** The share of primary hits that are compared with their source. */
    shadowPercent: variables.FALLBACK_SHADOW_PERCENT,
    /** What the scheduled verification does with damaged copies. */
    repair: variables.FALLBACK_REPAIR,
    /** The most requests per second of a verification that gives no limit of its own. */
    verifyPerSecond: variables.FALLBACK_VERIFY_PER_SECOND,
    /** How long what is replaced or deleted in the primary is kept. 0: not at all. */
    keepReplacedDays: variables.FALLBACK_KEEP_REPLACED_DAYS,
    inlineMaxBytes: variables.FALLBACK_INLINE_MAX_BYTES,
    negativeCacheSeconds: variables.FALLBACK_NEGATIVE_CACHE_SECONDS,
    /** With 0 `failures`, there is no breaker. */
    breaker: { failures: variables.FALLBACK_BREAKER_FAILURES, seconds: variables.FALLBACK_BREAKER_SECONDS },
    /** The most log lines per second, outcome and isolate for reads that did not fail. */
    logReadsPerSecond: variables.FALLBACK_LOG_READS_PER_SECOND,
  }
  return withHidden(config, hidden)
}

/** A backend as configured, without secrets and header values. */
export type BackendDescription = Record<
  string,
  string | number | boolean | readonly string[] | readonly number[] | readonly (readonly string[])[]
>

/** The chain as configured, for display to an operator. */
export function describeBackends({ backends }: { backends: readonly BackendConfig[] }): BackendDescription[] {
  return backends.map((backend) =>
    Object.fromEntries(
      Object.entries(backend).map(([key, value]) => [
        snakeCase(key),
        value instanceof RegExp ? value.source : value,
      ]),
    ),
  )
}

/** What a certificate is about. */
export type Configuration = ReturnType<typeof describeConfiguration>

/** The chain, and what is done with it, as a certificate names it. */
export function describeConfiguration(config: Pick<Config, 'backends' | 'migration' | 'deletes'>) {
  const { migration, deletes } = config
  return { backends: describeBackends(config), migration, deletes }
}

/**
 * The same in every isolate of a deployment and, as far as the Worker can know, in no other: from the configuration without its
 * secrets, and from the id of a Durable Object, which is different in each namespace.
 */
export function deploymentId(
  config: Pick<Config, 'backends' | 'mediaPath' | 'mediaUrl' | 'services'>,
): string {
  const { mediaPath, mediaUrl, services } = config
  const object = services.backfillJobs?.idFromName('index').toString()
  return fnv1a(JSON.stringify([describeBackends(config), mediaPath, mediaUrl, object]))
}

/** 32 bits in hex: enough to distinguish a handful of deployments. */
function fnv1a(text: string): string {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

/** A valid setting that is probably a mistake. */
export interface Warning {
  backend: string
  detail: string
}

/**
 * Backends that may lead back to this Worker (they have the host of `MEDIA_URL`, or the one that a request came to), those that
 * get headers unencrypted, and redirects that clients probably cannot follow.
 */
export function hostWarnings(
  { backends, mediaUrl }: Pick<Config, 'backends' | 'mediaUrl'>,
  requestUrl: string,
): Warning[] {
  const media = mediaUrl === undefined ? undefined : new URL(mediaUrl).host
  const request = new URL(requestUrl).host
  const base = mediaUrl ?? requestUrl
  return backends.flatMap((backend) => {
    const { publicUrl } = backend
    const isProxy = backend.type === 'http' && backend.binding === undefined
    const [key, address] =
      backend.type === 's3' ? ['endpoint', backend.endpoint] : ['url', isProxy ? backend.url : undefined]
    const headers = backend.type === 'http' ? backend.headerNames : []
    const details = []
    if (address !== undefined) {
      const { host, hostname, protocol } = new URL(address)
      if (host === media || host === request) {
        const whose = host === media ? 'MEDIA_URL' : 'this request'
        details.push(
          `\`${key}\` has the same host as ${whose} (${host}): if this Worker serves that host, the backend leads back to it. Set it to the address of the server that holds the files`,
        )
      }
      if (headers.length > 0 && protocol === 'http:' && isPublicHost(hostname))
        details.push(
          '`url` begins with http://, so its headers, and the secrets in them, are sent unencrypted: write https://',
        )
    }
    const target = publicUrl ?? address
    if ('redirect' in backend && backend.redirect && target) {
      if (base.startsWith('https') && new URL(target, base).protocol === 'http:')
        details.push(
          `\`${publicUrl ? 'public_url' : key}\` begins with http://, so https pages do not load what \`redirect\` leads to: write https://`,
        )
      if (!publicUrl && headers.some((header) => /auth|cookie|key|token/.test(header)))
        details.push(
          '`redirect` leads clients to `url` without its headers: if these are needed, remove `redirect`',
        )
    }
    return details.map((detail) => ({ backend: backend.name, detail }))
  })
}
