import type { Chain } from './chain/fallback.ts'
import type { Config, Configuration } from './config/config.ts'
import type { EdgeCaching } from './edge-cache/open.ts'
import type { Migration } from './migration/migration.ts'
import type { Mirrors } from './mirrors/mirrors.ts'
import type { RequestCounts } from './observe/counts.ts'
import type { Series } from './observe/series.ts'
import type { PriorVersions } from './prior-versions/versions.ts'
import type { Reconciler } from './sources/reconciler.ts'
import type { Sources } from './sources/sources.ts'
import type { Backend, BackendHealth } from './storage/backend.ts'

/** A configured deployment, built once per isolate. */
export interface Deployment {
  config: Config
  /** Distinguishes this deployment from others that a request may have passed. */
  id: string
  /** The chain without secrets, as certificates name it. */
  configuration: Configuration
  /** All backends in order, each behind its wrappers. */
  backends: readonly Backend[]
  /** The health of the backends that have a breaker, by name. */
  health: ReadonlyMap<string, () => BackendHealth>
  chain: Chain
  /** The same for GET and HEAD of media, which may be answered by an original, a placeholder or a redirect. */
  mediaChain: Chain
  /** The same for copies in the background and previews: their reads are not shared with other requests, and copies check them. */
  copyChain: Chain
  /** The same for verifications: what one backend has is not read from another, or remembered. */
  comparedChain: Chain
  migration: Migration
  /** Brings a name in line with what a source has now. */
  reconcile: Reconciler
  /** `null` unless MIRROR_LOG is bound. */
  mirrors: Mirrors | null
  /** `null` if nothing is cached at the edge. */
  edgeCaching: EdgeCaching | null
  /** Evicts the names from the edge cache, outside of a request. */
  purge: (...names: string[]) => Promise<void>
  /** The responses of this isolate. */
  requests: RequestCounts
  /** What is counted over time; `null` unless TIME_SERIES is bound. */
  series: Series | null
  sources: Sources
  /** `null` unless JOB_INDEX is bound. */
  priorVersions: PriorVersions | null
}
