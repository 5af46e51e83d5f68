import type { BackendConfig } from './backend-config.ts'
import { withHidden } from './backend-config.ts'
import type { Mistake } from './errors.ts'
import { ConfigError } from './errors.ts'
import { readStorages } from './storages.ts'
import type { Services, Variables } from './variables.ts'
import { readServices, readVariables, reportMistyped } from './variables.ts'

export { ConfigError }

/** Everything that variables, secrets and bindings say, checked. JSON and the console print no secret of it. */
export interface Config {
  backends: readonly BackendConfig[]
  migration: boolean
  deletes: 'tombstone' | 'first'
  /** Public base of the media, ending in `/`. Default: the request's origin. */
  mediaUrl?: string
  mediaPath: string
  cacheControl: string
  corsOrigins: '*' | readonly string[] | null
  maxUploadBytes?: number
  inlineMaxBytes: number
  negativeCacheSeconds: number
  /** `failures` 0: no breaker. */
  breaker: { failures: number; seconds: number }
  /** Lines to the log for reads that did not fail: so many a second for each outcome, in one isolate. */
  logReadsPerSecond: number
  /** Not enumerable: never printed. */
  apiToken?: string
  /** Not enumerable. */
  services: Services
}

/** The configuration that `env` holds. Throws one ConfigError that lists every mistake. */
export function parseConfig(env: Record<string, unknown>): Config {
  const mistakes: Mistake[] = []
  const backends = readStorages(env, mistakes)
  const variables = readVariables(env, mistakes)
  const services = readServices(env, mistakes)
  reportMistyped(env, mistakes)
  if (mistakes.length > 0 || variables === undefined) throw new ConfigError(mistakes)
  return assemble(backends, variables, services)
}

function assemble(backends: readonly BackendConfig[], variables: Variables, services: Services): Config {
  const { MEDIA_URL: mediaUrl, MEDIA_MAX_UPLOAD_BYTES: maxUploadBytes, API_TOKEN: apiToken } = variables
  const config = {
    backends,
    migration: variables.FALLBACK_DATA_MIGRATION,
    deletes: variables.FALLBACK_DELETES,
    ...(mediaUrl !== undefined && { mediaUrl }),
    mediaPath: variables.MEDIA_PATH,
    cacheControl: variables.MEDIA_CACHE_CONTROL,
    corsOrigins: variables.MEDIA_CORS_ORIGINS ?? null,
    ...(maxUploadBytes !== undefined && { maxUploadBytes }),
    inlineMaxBytes: variables.FALLBACK_INLINE_MAX_BYTES,
    negativeCacheSeconds: variables.FALLBACK_NEGATIVE_CACHE_SECONDS,
    breaker: { failures: variables.FALLBACK_BREAKER_FAILURES, seconds: variables.FALLBACK_BREAKER_SECONDS },
    logReadsPerSecond: variables.FALLBACK_LOG_READS_PER_SECOND,
  }
  return withHidden(config, { services, ...(apiToken !== undefined && { apiToken }) })
}
