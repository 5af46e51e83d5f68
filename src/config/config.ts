import type { Token } from '../access/tokens.ts'
import { type BackendConfig, withHidden } from './backend-config.ts'
import { readTokens } from './credentials.ts'
import { ConfigError, type Mistake } from './errors.ts'
import { readStorages } from './storages.ts'
import { type Services, type Variables, readServices, readVariables, reportMistyped } from './variables.ts'

export { ConfigError }

/** Everything that variables, secrets and bindings say, checked. JSON and the console print no secret of it. */
export type Config = ReturnType<typeof assemble>

/** The configuration that `env` holds. Throws one ConfigError that lists every mistake. */
export function parseConfig(env: Record<string, unknown>): Config {
  const mistakes: Mistake[] = []
  const backends = readStorages(env, mistakes)
  const variables = readVariables(env, mistakes)
  const tokens = readTokens(env, mistakes)
  const services = readServices(env, mistakes)
  reportMistyped(env, mistakes)
  if (mistakes.length > 0 || variables === undefined) throw new ConfigError(mistakes)
  return assemble(backends, variables, { services, tokens })
}

interface Hidden {
  services: Services
  tokens: readonly Token[]
}

function assemble(backends: readonly BackendConfig[], variables: Variables, hidden: Hidden) {
  const config = {
    backends,
    migration: variables.FALLBACK_DATA_MIGRATION,
    deletes: variables.FALLBACK_DELETES,
    /** Public base of the media, ending in `/`. Default: the request's origin. */
    mediaUrl: variables.MEDIA_URL,
    mediaPath: variables.MEDIA_PATH,
    mediaAccess: variables.MEDIA_ACCESS,
    cacheControl: variables.MEDIA_CACHE_CONTROL,
    /** 0: nothing is cached at the edge. */
    edgeCacheSeconds: variables.MEDIA_EDGE_CACHE_SECONDS,
    corsOrigins: variables.MEDIA_CORS_ORIGINS ?? null,
    maxUploadBytes: variables.MEDIA_MAX_UPLOAD_BYTES,
    inlineMaxBytes: variables.FALLBACK_INLINE_MAX_BYTES,
    negativeCacheSeconds: variables.FALLBACK_NEGATIVE_CACHE_SECONDS,
    /** `failures` 0: no breaker. */
    breaker: { failures: variables.FALLBACK_BREAKER_FAILURES, seconds: variables.FALLBACK_BREAKER_SECONDS },
    /** Lines to the log for reads that did not fail: so many a second for each outcome, in one isolate. */
    logReadsPerSecond: variables.FALLBACK_LOG_READS_PER_SECOND,
  }
  return withHidden(config, hidden)
}

/** A backend as it is configured, without any secret; header values are left out whole. */
export type BackendDescription = Record<
  string,
  string | number | boolean | readonly string[] | readonly number[]
>

/** The chain as configured, fit to be shown to an operator. */
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

function snakeCase(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
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

/** A setting that may be meant, and seldom is. */
export interface Warning {
  backend: string
  detail: string
}

/** Backends that may lead back to this Worker: they have the host of `MEDIA_URL`, or the one that a request came to. */
export function hostWarnings(
  { backends, mediaUrl }: Pick<Config, 'backends' | 'mediaUrl'>,
  requestUrl: string,
): Warning[] {
  const media = mediaUrl === undefined ? undefined : new URL(mediaUrl).host
  const request = new URL(requestUrl).host
  return backends.flatMap((backend) => {
    const isProxy = backend.type === 'http' && backend.binding === undefined
    const [key, url] =
      backend.type === 's3' ? ['endpoint', backend.endpoint] : ['url', isProxy ? backend.url : undefined]
    const host = url && new URL(url).host
    if (host === undefined || (host !== media && host !== request)) return []
    const whose = host === media ? 'MEDIA_URL' : 'this request'
    const detail = `\`${key}\` has the host of ${whose} (${host}): if this Worker answers there, the backend leads back to it. Give it the address of what holds the files itself`
    return [{ backend: backend.name, detail }]
  })
}
