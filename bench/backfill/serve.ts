import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { bundle } from '../bundle.ts'

/** What `startKillable` hands to this process. */
export interface ServeOptions {
  persistTo: string
  vars: Record<string, string>
  port: number
}

const QUEUE = 'fallback-storage-copies'

/** The Worker in a process of its own, its queue as in wrangler.toml; `wrangler dev` would spend as much again on its proxy and inspector. */
const { persistTo, vars, port } = JSON.parse(process.argv[2] ?? '') as ServeOptions
const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    host: '127.0.0.1',
    port,
    resourcePersistencePath: persistTo,
    handleStructuredLogs: ({ level, message }) => {
      if (level === 'error') console.error(message)
    },
    workers: [
      {
        name: 'fallback-storage',
        modules: [
          {
            type: 'ESModule',
            path: 'index.js',
            contents: await bundle('bench/backfill/counting-worker.ts'),
          },
        ],
        compatibilityDate: '2026-10-01',
        r2Buckets: { MEDIA: 'media' },
        queueProducers: { COPY_QUEUE: { queueName: QUEUE } },
        queueConsumers: { [QUEUE]: { maxBatchSize: 10, maxBatchTimeout: 1, maxRetries: 8 } },
        durableObjects: {
          BACKFILL_JOBS: { className: 'BackfillJob', useSQLite: true },
          VERIFICATION_JOBS: { className: 'VerificationJob', useSQLite: true },
          JOB_INDEX: { className: 'JobIndex', useSQLite: true },
        },
        bindings: vars,
      },
    ],
  }),
)
await miniflare.ready
