import type * as workers from '@cloudflare/workers-types'

/** The Workers types that src/config uses, which the CLI calls with stand-ins for bindings. */
declare global {
  type R2Bucket = workers.R2Bucket
  type KVNamespace = workers.KVNamespace
  type Fetcher = workers.Fetcher
  type Queue = workers.Queue
  type DurableObjectNamespace = workers.DurableObjectNamespace
  type AnalyticsEngineDataset = workers.AnalyticsEngineDataset
  type RateLimit = workers.RateLimit
  interface SubtleCrypto {
    timingSafeEqual(a: BufferSource, b: BufferSource): boolean
  }
}
