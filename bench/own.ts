import type { OwnWorker } from './workers.ts'

/** This project, once per measured configuration. */
export function OWN(origin: string): OwnWorker[] {
  const r2 = { type: 'r2', binding: 'MEDIA' }
  const http = { type: 'http', name: 'origin', url: origin }
  const hanging = { type: 'http', name: 'hanging', url: `${origin}/hang/`, timeout_ms: TIMEOUT_MS }
  const slow = { type: 'http', name: 'slow', url: `${origin}/slow/${SLOW_MS}/` }
  const worker = (name: string, storages: object[], vars: object = {}): OwnWorker => ({
    name,
    vars: { FALLBACK_STORAGES: storages, ...vars },
  })
  const noBreaker = { FALLBACK_BREAKER_FAILURES: 0 }
  return [
    worker('own', [r2, http]),
    { ...worker('own-counted', [r2, http]), durableObjects: TIME_SERIES },
    { ...worker('own-shadowed', [r2, http], { FALLBACK_SHADOW_PERCENT: 1 }), durableObjects: TIME_SERIES },
    worker('own-cached', [r2], { MEDIA_EDGE_CACHE_SECONDS: 3600 }),
    worker('own-migrating', [r2, http], { FALLBACK_DATA_MIGRATION: true }),
    worker('own-three', [r2, { type: 'kv', binding: 'MEDIA_KV' }, http], {
      FALLBACK_NEGATIVE_CACHE_SECONDS: 0,
    }),
    worker('own-remembering', [r2, { type: 'kv', binding: 'MEDIA_KV' }, http]),
    worker('own-s3', [r2], {
      API_TOKEN: BENCH_TOKEN,
      S3_BUCKET,
      S3_KEYS: JSON.stringify([S3_KEY]),
    }),
    worker('own-slow', [slow]),
    worker('own-slow-second', [r2, slow], { API_TOKEN: BENCH_TOKEN }),
    worker('own-hanging', [hanging, slow], noBreaker),
    worker('own-hedged', [{ ...hanging, hedge_ms: HEDGE_MS }, slow], noBreaker),
    worker('own-broken', [hanging, slow]),
  ]
}

const TIME_SERIES = { TIME_SERIES: { className: 'TimeSeries', useSQLite: true } } as const
export const BENCH_TOKEN = 'bench'
export const S3_BUCKET = 'media'
export const S3_KEY = {
  access_key_id: 'bench',
  secret_access_key: 'bench-secret-0123456789',
  scopes: ['write'],
}
/** The timeout for a hanging backend. */
export const TIMEOUT_MS = 500
/** The time until the next backend is tried as well. */
export const HEDGE_MS = 150
/** The response time of the slow origin. */
export const SLOW_MS = 25
