import { cache, exports, waitUntil } from 'cloudflare:workers'
import { withNegativeCache } from './wrappers/negative-cache.ts'
import {
  type Config,
  ConfigError,
  deploymentId,
  describeConfiguration,
  parseConfig,
} from './config/config.ts'
import type { BackendConfig } from './config/backend-config.ts'
import { type EdgeCaching, type EdgeContext, openEdgeCaching, purgeChanged } from './edge-cache/open.ts'
import type { Deployment } from './deployment.ts'
import { deadLettersIn } from './jobs/dead-letters.ts'
import { openIndex } from './jobs/backfills.ts'
import { openJobs } from './jobs/jobs.ts'
import { withHiddenVersions } from './prior-versions/hide.ts'
import { withPriorVersions } from './prior-versions/keep.ts'
import type { PriorVersions } from './prior-versions/versions.ts'
import { createMigration, type Migration } from './migration/migration.ts'
import { withRememberedUploads } from './migration/open-uploads.ts'
import { type Mirrors, openMirrors } from './mirrors/mirrors.ts'
import { withRecordedChanges } from './mirrors/record-changes.ts'
import { log } from './observe/log.ts'
import { openBackends, patience, withSharedBodies } from './open-backends.ts'
import { createRequestCounts } from './observe/counts.ts'
import { openSeries } from './observe/series.ts'
import { type AfterHitOptions, createAfterHit, withAfterHit } from './sources/after-hit.ts'
import { createReconciler, type Reconciler } from './sources/reconciler.ts'
import { createSns } from './sources/sns.ts'
import { openSourceChanges } from './sources/source-changes.ts'
import { createSources, type Sources, type SourcesOptions } from './sources/sources.ts'
import { type Backend, isWritable } from './storage/backend.ts'
import { type Chain, createChain } from './chain/fallback.ts'
import { accepts, before, hides, mayTakeWrites, writerFor } from './chain/placement.ts'
import { createSpeculation } from './chain/speculation.ts'
import { withPlaceholder } from './backends/placeholder/placeholder.ts'
import { withRedirect } from './wrappers/redirect.ts'
import { withRewrite } from './wrappers/rewrite.ts'
import { withYieldingCopies } from './wrappers/yielding-copies.ts'

/**
 * The deployments that `configure` makes of each `env`, built once: their breakers and caches last as long as the isolate's
 * `env`. A wrong configuration throws the same ConfigError every time.
 */
export function deploymentsBy(configure: (env: object) => Config): (env: object) => Deployment {
  const deployments = new WeakMap<object, Deployment | ConfigError>()
  return (env) => {
    let deployment = deployments.get(env)
    if (deployment === undefined) {
      deployment = deployOrFail(() => configure(env))
      deployments.set(env, deployment)
    }
    if (deployment instanceof ConfigError) throw deployment
    return deployment
  }
}

/** The deployment that the variables of `env` configure. */
export const deploymentFor = deploymentsBy((env) => parseConfig({ ...env }))

function deployOrFail(configure: () => Config): Deployment | ConfigError {
  try {
    return deploy(configure())
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
}

/** The deployment of a configuration. */
export function deploy(config: Config): Deployment {
  const jobs = openJobs(config.services)
  const id = deploymentId(config)
  const { opened, alone, health } = openBackends(config, id)
  const complete = opened.map((backend) =>
    jobs ? withRememberedUploads(backend, () => jobs.index()) : backend,
  )
  const priorVersions = priorVersionsIn(complete, config)
  const keepsVersions = priorVersions !== null && config.keepReplacedDays > 0
  const steady = complete
    .map((backend) => (keepsVersions ? withPriorVersions(backend, priorVersions.index) : backend))
    .map(withHiddenVersions)
    .map(withYielding)
  const mirrors = openMirrors(steady, {
    namespace: config.services.mirrorLog,
    tombstones: config.deletes === 'tombstone',
  })
  const unshared = withAbsences(steady, config).map((backend) => withRecorded(backend, mirrors))
  const parts = { id, unshared, alone: alone.map(withHiddenVersions), health, mirrors, priorVersions }
  return deploymentOver(withSharedBodies(unshared, config), config, parts)
}

function priorVersionsIn(backends: readonly Backend[], { services }: Config): PriorVersions | null {
  const { jobIndex } = services
  return jobIndex ? { backends: backends.filter(isWritable), index: openIndex(jobIndex) } : null
}

/** Copies into a backend with a size limit yield to what is written behind it because it is larger. */
function withYielding(backend: Backend, index: number, backends: readonly Backend[]): Backend {
  if (backend.maxSize === undefined || backend.mirror || !isWritable(backend)) return backend
  const behind = backends.slice(index + 1).filter(isWritable)
  return withYieldingCopies(
    backend,
    behind.filter(({ mirror }) => !mirror),
  )
}

/** Absences are only remembered of fallbacks, and of names that are written elsewhere. */
function withAbsences(backends: readonly Backend[], { negativeCacheSeconds }: Config): readonly Backend[] {
  if (negativeCacheSeconds === 0) return backends
  const remembering = (backend: Backend): Backend =>
    withNegativeCache(backend, {
      ttlMs: negativeCacheSeconds * 1000,
      remembers: (name) => !mayTakeWrites({ backends }, backend, name),
    })
  return backends.map((backend, index) => (index === 0 ? backend : remembering(backend)))
}

/** Every change of what mirrors repeat is recorded: there is no other way to these backends. */
function withRecorded(backend: Backend, mirrors: Mirrors | null): Backend {
  if (!mirrors || mirrors.backends.length === 0 || backend.mirror || !isWritable(backend)) return backend
  return withRecordedChanges(backend, { log: mirrors.log, mirrors: mirrors.backends, keepAlive: waitUntil })
}

interface Parts extends Pick<Deployment, 'id' | 'health' | 'mirrors' | 'priorVersions'> {
  /** What copies in the background use. */
  unshared: readonly Backend[]
  /** What verifications read. */
  alone: readonly Backend[]
}

/** The deployment of the given backends. */
function deploymentOver(
  backends: readonly Backend[],
  config: Config,
  { id, unshared, alone, health, mirrors, priorVersions }: Parts,
): Deployment {
  const options = { deletes: config.deletes, hedgeMs: settingsOf(config, 'hedgeMs') }
  const copyChain = createChain(unshared, options)
  const comparable = unshared.map((backend, index) => {
    const { get, head } = alone[index] ?? backend
    return { ...backend, get, head }
  })
  const { copyQueue, sourceChanges, timeSeries } = config.services
  const series = timeSeries ? openSeries(timeSeries, waitUntil) : null
  const changes = openSourceChanges(sourceChanges)
  const purge = (...names: string[]): Promise<void> =>
    purgeChanged(edgeCaching, { cache, exports } as EdgeContext, names)
  const reconcile: Reconciler = createReconciler({
    chain: copyChain,
    migrating: config.migration,
    changes,
    purge,
    track: (...copy) => migration.track(...copy),
  })
  const compared = withComparisons(config, {
    chain: copyChain,
    reconcile,
    keepAlive: waitUntil,
    ...(copyQueue && { send: (message) => copyQueue.send(message) }),
    onShadow(shadow) {
      series?.tally.addShadow(shadow)
      if (!shadow.matched) log('warn', 'shadow read', { ...shadow })
    },
  })
  const { speculativePercent: percent } = config
  const searching = { ...options, ...(percent > 0 && { speculation: createSpeculation({ percent }) }) }
  const chain = compared(createChain(backends, searching))
  const substituting = backends.map((backend, index) =>
    withSubstitutes(backend, copyChain, config.backends[index]),
  )
  const searched = compared(createChain(substituting, searching))
  const mediaChain =
    config.placeholder === undefined ? searched : withPlaceholder(searched, config.placeholder)
  const migration = createMigration({
    chain,
    enabled: config.migration,
    keepAlive: waitUntil,
    ...(series && { onCopy: series.tally.addCopy }),
    ...(copyQueue && { send: (message) => copyQueue.send(message) }),
  })
  const isCached = config.edgeCacheSeconds > 0 && config.mediaAccess === 'public'
  const edgeCaching = isCached ? edgeCachingOver(mediaChain, migration, { config, id }) : null
  const requests = createRequestCounts()
  return {
    config,
    id,
    configuration: describeConfiguration(config),
    backends,
    health,
    chain,
    mediaChain,
    copyChain,
    comparedChain: createChain(comparable, options),
    migration,
    mirrors,
    reconcile,
    edgeCaching,
    purge,
    requests,
    series,
    sources: sourcesOver(copyChain, config, { reconcile, changes }),
    priorVersions,
  }
}

/** Every backend but the primary is a source. */
function sourcesOver(
  { backends }: Chain,
  config: Config,
  parts: Pick<SourcesOptions, 'reconcile' | 'changes'>,
): Sources {
  const { services } = config
  return createSources({
    sources: backends.flatMap((backend, index) => {
      const settings = config.backends[index]
      return settings && index > 0 ? [{ backend, prefix: settings.prefix, bucket: bucketOf(settings) }] : []
    }),
    ...parts,
    sns: createSns((url, init) => fetch(url, init)),
    keepAlive: waitUntil,
    queue: services.copyQueue,
    ...deadLettersIn(openJobs(services)),
  })
}

function bucketOf(settings: BackendConfig): string | undefined {
  if (settings.type === 's3') return settings.bucket
  return settings.type === 'r2' ? settings.bucketName : undefined
}

/** The backend as reads of media see it: they may get an original or a redirect in place of the object. */
function withSubstitutes(backend: Backend, unshared: Chain, settings: BackendConfig | undefined): Backend {
  const alone = unshared.backends.find(({ name }) => name === backend.name)
  if (!settings || !alone) return backend
  const redirects = 'redirect' in settings && settings.redirect === true
  const own = redirects ? withRedirect(backend) : backend
  const { rewrite: rules } = settings
  if (!rules) return own
  return withRewrite(own, {
    rules,
    originals: redirects ? own : alone,
    async isDeleted(name) {
      const writer = writerFor(unshared, name)
      const earlier = before(unshared, alone)
      for (const other of unshared.backends) {
        const mayHide = other !== alone && (other === writer || earlier.includes(other))
        if (!mayHide || !isWritable(other) || !accepts(other, name)) continue
        const info = await other.head(name, { lastResort: true })
        if (info && !info.lifted) return hides(unshared, { backend: other, info })
      }
      return false
    },
  })
}

/** By the name of a backend that has the setting. */
function settingsOf(
  { backends }: Config,
  key: 'hedgeMs' | 'revalidateSeconds',
): Readonly<Record<string, number>> {
  const entries = backends.map((backend: { name: string; hedgeMs?: number; revalidateSeconds?: number }) => [
    backend.name,
    backend[key],
  ])
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Record<string, number>
}

/** Leaves a chain as it is unless copies are compared with their sources after reads. */
function withComparisons(
  config: Config,
  options: Omit<AfterHitOptions, 'revalidateSeconds' | 'shadowPercent'>,
): (chain: Chain) => Chain {
  const { shadowPercent } = config
  const revalidateSeconds = settingsOf(config, 'revalidateSeconds')
  if (shadowPercent === 0 && Object.keys(revalidateSeconds).length === 0) return (chain) => chain
  const afterHit = createAfterHit({ ...options, revalidateSeconds, shadowPercent })
  return (chain) => withAfterHit(chain, afterHit)
}

function edgeCachingOver(
  chain: Chain,
  { writeBack }: Migration,
  { config, id }: { config: Config; id: string },
): EdgeCaching {
  const { backends, cacheControl, edgeCacheSeconds: seconds, inlineMaxBytes: maxBytes } = config
  const longestIdleMs = Math.max(...backends.map(({ idleTimeoutMs }) => idleTimeoutMs))
  return openEdgeCaching({
    chain,
    writeBack,
    deploymentId: id,
    mediaUrl: config.mediaUrl,
    policy: { seconds, cacheControl },
    maxBytes,
    stallMs: longestIdleMs + patience(backends),
  })
}
