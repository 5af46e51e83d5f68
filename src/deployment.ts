import { cache, exports, tracing, waitUntil } from 'cloudflare:workers'
import { type BreakerOptions, withBreaker } from './wrappers/breaker.ts'
import { withCoalescing } from './wrappers/coalesce.ts'
import { withDeadline } from './wrappers/deadline.ts'
import { withFilter } from './wrappers/filter.ts'
import { httpBackend } from './backends/http/http.ts'
import { withSlot } from './storage/invocation.ts'
import { kvBackend } from './backends/kv/kv.ts'
import { withRequestLimit } from './wrappers/limit-requests.ts'
import { withResume } from './wrappers/resume.ts'
import { withNegativeCache } from './wrappers/negative-cache.ts'
import { withPrefix } from './wrappers/prefix.ts'
import { withPublicUrl, withServedUrl } from './wrappers/public-url.ts'
import { r2Backend } from './backends/r2/r2.ts'
import { withReadOnly } from './wrappers/read-only.ts'
import type { OnProbeFailure } from './backends/s3/probe.ts'
import { s3Backend } from './backends/s3/s3.ts'
import { withStaging } from './wrappers/staging.ts'
import { withCheckedDigests } from './wrappers/check-digest.ts'
import { withTracing } from './wrappers/tracing.ts'
import { type Config, ConfigError, deploymentId, parseConfig } from './config/config.ts'
import type { BackendConfig } from './config/backend-config.ts'
import { type EdgeCaching, type EdgeContext, openEdgeCaching, purgeChanged } from './edge-cache/open.ts'
import { openJobs } from './jobs/jobs.ts'
import { createMigration, type Migration } from './migration/migration.ts'
import { withRememberedUploads } from './migration/open-uploads.ts'
import { describeError, log } from './observe/log.ts'
import { createRequestCounts, type RequestCounts } from './observe/counts.ts'
import { openSeries, type Series } from './observe/series.ts'
import { type AfterHitOptions, createAfterHit, withAfterHit } from './sources/after-hit.ts'
import { createReconciler, type Reconciler } from './sources/reconciler.ts'
import { createSns } from './sources/sns.ts'
import { openSourceChanges } from './sources/source-changes.ts'
import { createSources, type Sources } from './sources/sources.ts'
import type { Backend, BackendHealth } from './storage/backend.ts'
import { type Chain, createChain } from './chain/fallback.ts'
import { SHARED_LEAVES_BYTES, isolateMemory } from './bodies/memory-budget.ts'

/** A configured deployment, built once per isolate. */
export interface Deployment {
  config: Config
  /** Distinguishes this deployment from others that a request may have passed. */
  id: string
  /** All backends in order, each behind its wrappers. */
  backends: readonly Backend[]
  /** The health of the backends that have a breaker, by name. */
  health: ReadonlyMap<string, () => BackendHealth>
  chain: Chain
  /** The same for copies in the background and previews: their reads are not shared with other requests, and copies check them. */
  copyChain: Chain
  migration: Migration
  /** Brings a name in line with what a source has now. */
  reconcile: Reconciler
  /** `null` if nothing is cached at the edge. */
  edgeCaching: EdgeCaching | null
  /** The responses of this isolate. */
  requests: RequestCounts
  /** What is counted over time; `null` unless TIME_SERIES is bound. */
  series: Series | null
  sources: Sources
}

/** Breakers and caches live in the deployment, so it lasts as long as the isolate's `env`. */
const deployments = new WeakMap<object, Deployment | ConfigError>()

/** The deployment that `env` configures. Throws the same ConfigError every time if it is wrong. */
export function deploymentFor(env: object): Deployment {
  let deployment = deployments.get(env)
  if (deployment === undefined) {
    deployment = deployOrFail(env)
    deployments.set(env, deployment)
  }
  if (deployment instanceof ConfigError) throw deployment
  return deployment
}

function deployOrFail(env: object): Deployment | ConfigError {
  try {
    return deploy(parseConfig({ ...env }))
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

/** A staged object is hidden; the index of uploads or a lifecycle rule removes it. */
function onLeft(backend: string, name: string, error: unknown): void {
  log('warn', 'staged object left', { backend, name, reason: describeError(error) })
}

function deploy(config: Config): Deployment {
  const jobs = openJobs(config.services)
  const id = deploymentId(config)
  const health = new Map<string, () => BackendHealth>()
  const guarded = config.backends.map((settings, index) =>
    withSharedPolicy(withOwnPolicy(openBackend(settings, id), settings), { config, index, health }),
  )
  const steady = withSteadyBodies(guarded, config)
    .map((backend) => withStaging(backend, onLeft))
    .map((backend) => (jobs ? withRememberedUploads(backend, () => jobs.index()) : backend))
  return deploymentOver(withSharedBodies(steady, config), config, { unshared: steady, health })
}

/** The deployment of the given backends; copies in the background use those in `unshared`, if given. */
function deploymentOver(
  backends: readonly Backend[],
  config: Config,
  {
    unshared = backends,
    health = new Map(),
  }: Partial<Pick<Deployment, 'health'>> & { unshared?: readonly Backend[] } = {},
): Deployment {
  const hedged = config.backends.flatMap(({ name, hedgeMs }) =>
    hedgeMs === undefined ? [] : [[name, hedgeMs]],
  )
  const options = { deletes: config.deletes, hedgeMs: Object.fromEntries(hedged) as Record<string, number> }
  const copyChain = createChain(unshared, options)
  const { copyQueue, sourceChanges, timeSeries } = config.services
  const series = timeSeries ? openSeries(timeSeries, waitUntil) : null
  const reconcile: Reconciler = createReconciler({
    chain: copyChain,
    migrating: config.migration,
    changes: openSourceChanges(sourceChanges),
    purge: (name) => purgeChanged(edgeCaching, { cache, exports } as EdgeContext, [name]),
    track: (...copy) => migration.track(...copy),
  })
  const chain = withComparisons(createChain(backends, options), config, {
    chain: copyChain,
    reconcile,
    keepAlive: waitUntil,
    ...(copyQueue && { send: (message) => copyQueue.send(message) }),
    onShadow(shadow) {
      series?.tally.addShadow(shadow)
      if (!shadow.matched) log('warn', 'shadow read', { ...shadow })
    },
  })
  const migration = createMigration({
    chain,
    enabled: config.migration,
    keepAlive: waitUntil,
    ...(series && { onCopy: series.tally.addCopy }),
    ...(copyQueue && { send: (message) => copyQueue.send(message) }),
  })
  const id = deploymentId(config)
  const isCached = config.edgeCacheSeconds > 0 && config.mediaAccess === 'public'
  const edgeCaching = isCached ? edgeCachingOver(chain, migration, config) : null
  const requests = createRequestCounts()
  return {
    config,
    id,
    backends,
    health,
    chain,
    copyChain,
    migration,
    reconcile,
    edgeCaching,
    requests,
    series,
    sources: sourcesOver(copyChain, config, reconcile),
  }
}

/** Every backend but the primary is a source. */
function sourcesOver({ backends }: Chain, config: Config, reconcile: Reconciler): Sources {
  const { services } = config
  const jobs = openJobs(services)
  return createSources({
    sources: backends.flatMap((backend, index) => {
      const settings = config.backends[index]
      return settings && index > 0 ? [{ backend, prefix: settings.prefix, bucket: bucketOf(settings) }] : []
    }),
    reconcile,
    sns: createSns((url, init) => fetch(url, init)),
    keepAlive: waitUntil,
    queue: services.copyQueue,
    changes: openSourceChanges(services.sourceChanges),
    giveUp: jobs && ((letter) => jobs.index().addDeadLetter(letter)),
  })
}

function bucketOf(settings: BackendConfig): string | undefined {
  if (settings.type === 's3') return settings.bucket
  return settings.type === 'r2' ? settings.bucketName : undefined
}

/** The chain as it is unless copies are compared with their sources after reads. */
function withComparisons(
  chain: Chain,
  { backends, shadowPercent }: Config,
  options: Omit<AfterHitOptions, 'revalidateSeconds' | 'shadowPercent'>,
): Chain {
  const revalidateSeconds = Object.fromEntries(
    backends.flatMap((backend) =>
      'revalidateSeconds' in backend && backend.revalidateSeconds !== undefined
        ? [[backend.name, backend.revalidateSeconds]]
        : [],
    ),
  ) as Record<string, number>
  if (shadowPercent === 0 && Object.keys(revalidateSeconds).length === 0) return chain
  return withAfterHit(chain, createAfterHit({ ...options, revalidateSeconds, shadowPercent }))
}

function edgeCachingOver(chain: Chain, { writeBack }: Migration, config: Config): EdgeCaching {
  const { backends, cacheControl, edgeCacheSeconds: seconds, inlineMaxBytes: maxBytes } = config
  const longestIdleMs = Math.max(...backends.map(({ idleTimeoutMs }) => idleTimeoutMs))
  return openEdgeCaching({
    chain,
    writeBack,
    deploymentId: deploymentId(config),
    mediaUrl: config.mediaUrl,
    policy: { seconds, cacheControl },
    maxBytes,
    stallMs: longestIdleMs + patience(backends),
  })
}

/** Bodies that come over the network are resumed where they were interrupted, if necessary from later backends. */
function withSteadyBodies(guarded: readonly Backend[], config: Config): Backend[] {
  return guarded.map((backend, index) => {
    const settings = config.backends[index]
    if (!settings || !isRemote(settings)) return backend
    const { idleTimeoutMs } = settings
    return withResume(backend, { idleTimeoutMs, others: guarded.slice(index + 1) })
  })
}

/**
 * With migration on, bodies are checked against their digests while they are read, and bodies that may be copied while
 * they stream are read once for all concurrent requests.
 */
function withSharedBodies(steady: readonly Backend[], config: Config): readonly Backend[] {
  if (!config.migration) return steady
  return steady.map((backend, index) => {
    const settings = config.backends[index]
    if (!settings || index === 0) return backend
    const verified = withCheckedDigests(backend)
    if (config.inlineMaxBytes === 0) return verified
    const { idleTimeoutMs } = settings
    return withCoalescing(verified, {
      maxBytes: config.inlineMaxBytes,
      budget: isolateMemory,
      leave: SHARED_LEAVES_BYTES,
      stallMs: isRemote(settings) ? idleTimeoutMs + patience(config.backends.slice(index)) : idleTimeoutMs,
      keepAlive: waitUntil,
    })
  })
}

/** The time in which all of them can respond, one after the other: a body may pause this long while it is resumed. */
function patience(backends: readonly BackendConfig[]): number {
  return backends.reduce((sum, { timeoutMs }) => sum + timeoutMs, 0)
}

/** The only switch over backend types. Secrets are not enumerable, so they are passed by name. */
function openBackend(settings: BackendConfig, id: string): Backend {
  const { name } = settings
  switch (settings.type) {
    case 'r2': {
      const { bucket, bucketName } = settings
      return r2Backend(name, bucket, bucketName === undefined ? {} : { bucketName })
    }
    case 'kv':
      return kvBackend(name, settings.namespace)
    case 's3': {
      const { endpoint, bucket, region, addressing, absentStatuses, credentials, readOnly, prefix } = settings
      const own = { tombstones: !readOnly, prefix, keepAlive: waitUntil, onProbeFailure, deploymentId: id }
      const options = { endpoint, bucket, region, addressing, absentStatuses, ...own }
      return s3Backend(name, credentials ? { ...options, credentials } : options)
    }
    case 'http': {
      const { url, fetcher, headers, absentStatuses, listing, checkType } = settings
      return httpBackend(name, {
        headers,
        absentStatuses,
        checkType,
        deploymentId: id,
        ...(url !== undefined && { url }),
        ...(fetcher && { fetcher }),
        ...(listing && { listing }),
      })
    }
  }
}

const onProbeFailure: OnProbeFailure = (failure, error) =>
  log('warn', 's3-probe', { ...failure, reason: describeError(error) })

/** The wrappers for one backend's own settings, from the innermost outwards. */
function withOwnPolicy(opened: Backend, settings: BackendConfig): Backend {
  const { publicUrl, prefix, include, exclude, timeoutMs, idleTimeoutMs } = settings
  let backend = opened
  if (publicUrl !== undefined) backend = withPublicUrl(backend, publicUrl)
  if (prefix !== '') backend = withPrefix(backend, prefix)
  if (!backend.url) backend = withServedUrl(backend)
  if (include || exclude)
    backend = withFilter(backend, { ...(include && { include }), ...(exclude && { exclude }) })
  if (settings.readOnly) backend = withReadOnly(backend)
  if ('mirror' in settings && settings.mirror)
    backend = { ...backend, mirror: settings.mirror === true ? 'all' : settings.mirror }
  backend = withDeadline(backend, {
    timeoutMs,
    idleTimeoutMs,
    heedsSignals: isRemote(settings),
  })
  return backend
}

/** The wrappers for the settings of the whole chain. Absences are only cached for fallbacks, because copies go to the primary. */
function withSharedPolicy(
  backend: Backend,
  { config, index, health }: { config: Config; index: number; health: Map<string, () => BackendHealth> },
): Backend {
  const { breaker, negativeCacheSeconds } = config
  // Spans are new (2026-06): an older runtime has none.
  let guarded = tracing ? withTracing(backend, tracing) : backend
  if (breaker.failures > 0) {
    const watched = withBreaker(guarded, breakerOptions(breaker, index === 0))
    health.set(backend.name, watched.health)
    guarded = watched
  }
  guarded = withRequestLimit(guarded, withSlot)
  if (index > 0 && negativeCacheSeconds > 0)
    guarded = withNegativeCache(guarded, { ttlMs: negativeCacheSeconds * 1000 })
  return guarded
}

/** While the primary is skipped, its objects are served out of date by fallbacks, or not at all, so it is never skipped for long. */
const PRIMARY_OPEN_MS = 5000
/** The longest Retry-After of a fallback that is honoured. */
const FALLBACK_PAUSE_MS = 30_000

function breakerOptions({ failures, seconds }: Config['breaker'], isPrimary: boolean): BreakerOptions {
  const openMs = seconds * 1000
  return isPrimary
    ? { failures, openMs: Math.min(openMs, PRIMARY_OPEN_MS), longestPauseMs: 0 }
    : { failures, openMs, longestPauseMs: FALLBACK_PAUSE_MS }
}

/** Its bodies come over the network, where they can stall. */
function isRemote(settings: BackendConfig): boolean {
  return settings.type === 's3' || settings.type === 'http'
}
