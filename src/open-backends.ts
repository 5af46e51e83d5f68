import { tracing, waitUntil } from 'cloudflare:workers'
import { type BreakerOptions, withBreaker } from './wrappers/breaker.ts'
import { withCoalescing } from './wrappers/coalesce.ts'
import { withHeldBodies } from './wrappers/hold.ts'
import { withDeadline } from './wrappers/deadline.ts'
import { withFilter } from './wrappers/filter.ts'
import { httpBackend } from './backends/http/http.ts'
import { withSlot } from './storage/invocation.ts'
import { kvBackend } from './backends/kv/kv.ts'
import { withRequestLimit } from './wrappers/limit-requests.ts'
import { withResume } from './wrappers/resume.ts'
import { withPrefix } from './wrappers/prefix.ts'
import { withPublicUrl, withServedUrl } from './wrappers/public-url.ts'
import { r2Backend } from './backends/r2/r2.ts'
import { withReadOnly } from './wrappers/read-only.ts'
import type { OnProbeFailure } from './backends/s3/probe.ts'
import { s3Backend } from './backends/s3/s3.ts'
import { withStaging } from './wrappers/staging.ts'
import { withCheckedDigests } from './wrappers/check-digest.ts'
import { withTracing } from './wrappers/tracing.ts'
import { mayMoveTo, mayTakeWrites } from './chain/placement.ts'
import type { Config } from './config/config.ts'
import type { BackendConfig } from './config/backend-config.ts'
import { describeError, log } from './observe/log.ts'
import type { Backend, BackendHealth } from './storage/backend.ts'
import { SHARED_LEAVES_BYTES, isolateMemory } from './bodies/memory-budget.ts'

/**
 * The configured backends in order, each behind the wrappers of its settings and of the chain's; `alone` are the same, but what
 * is read from one of them is never continued from another.
 */
export function openBackends(
  config: Config,
  id: string,
): { opened: Backend[]; alone: Backend[]; health: Map<string, () => BackendHealth> } {
  const health = new Map<string, () => BackendHealth>()
  const guarded = config.backends.map((settings, index) =>
    withSharedPolicy(withOwnPolicy(openBackend(settings, id), settings), { config, index, health }),
  )
  const staged = (isAlone: boolean): Backend[] =>
    withSteadyBodies(guarded, config, isAlone).map((backend) => withStaging(backend, onLeft))
  return { opened: staged(false), alone: staged(true), health }
}

/** A staged object is hidden; the index of uploads or a lifecycle rule removes it. */
function onLeft(backend: string, name: string, error: unknown): void {
  log('warn', 'staged object left', { backend, name, reason: describeError(error) })
}

/** Bodies that may fail are resumed where they were interrupted, if necessary from later backends unless `isAlone`. */
function withSteadyBodies(guarded: readonly Backend[], config: Config, isAlone: boolean): Backend[] {
  return guarded.map((backend, index) => {
    const settings = config.backends[index]
    if (!settings || !isRemote(settings)) return backend
    const { idleTimeoutMs } = settings
    return withResume(backend, { idleTimeoutMs, others: isAlone ? [] : guarded.slice(index + 1) })
  })
}

/**
 * With migration on, bodies are checked against their digests while they are read, and bodies that may be copied while
 * they stream are read once for all concurrent requests, except where a write may replace them meanwhile.
 */
export function withSharedBodies(steady: readonly Backend[], config: Config): readonly Backend[] {
  if (!config.migration) return steady
  const chain = { backends: steady }
  return steady.map((backend, index) => {
    const settings = config.backends[index]
    if (!settings || index === 0) return backend
    const verified = withCheckedDigests(backend)
    if (config.inlineMaxBytes === 0) return verified
    const { idleTimeoutMs } = settings
    return withCoalescing(verified, {
      maxBytes: config.inlineMaxBytes,
      shares: (name) => !mayTakeWrites(chain, backend, name) || mayMoveTo(chain, backend, name),
      joins: (name) => !mayTakeWrites(chain, backend, name),
      budget: isolateMemory,
      leave: SHARED_LEAVES_BYTES,
      stallMs: isRemote(settings) ? idleTimeoutMs + patience(config.backends.slice(index)) : idleTimeoutMs,
      keepAlive: waitUntil,
    })
  })
}

/** The time in which all of them can respond, one after the other: a body may pause this long while it is resumed. */
export function patience(backends: readonly BackendConfig[]): number {
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
      const { credentials } = settings
      const own = { keepAlive: waitUntil, onProbeFailure, deploymentId: id }
      return s3Backend(name, { ...settings, credentials, ...own })
    }
    case 'custom':
      return settings.open(name)
    case 'http': {
      const { fetcher, headers } = settings
      return httpBackend(name, { ...settings, headers, fetcher, deploymentId: id })
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
  if (include || exclude) backend = withFilter(backend, settings)
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

/** The wrappers for the settings of the whole chain. */
function withSharedPolicy(
  backend: Backend,
  { config, index, health }: { config: Config; index: number; health: Map<string, () => BackendHealth> },
): Backend {
  const { breaker } = config
  // Spans are new (2026-06): an older runtime has none.
  let guarded = tracing ? withTracing(backend, tracing) : backend
  if (breaker.failures > 0) {
    const watched = withBreaker(guarded, breakerOptions(breaker, index === 0))
    health.set(backend.name, watched.health)
    guarded = watched
  }
  const limited = withRequestLimit(guarded, withSlot)
  // Nothing comes before the primary.
  return index === 0 ? limited : withHeldBodies(limited)
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

/** Its bodies can stall or end too early: they come over the network, or from a backend that was written elsewhere. */
function isRemote({ type }: BackendConfig): boolean {
  return type !== 'r2' && type !== 'kv'
}
