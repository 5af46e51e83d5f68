import { JOB_CLASSES, startMiniflare } from '../../test/kit/worker/miniflare.ts'

/** What `startKillable` hands to this process. */
export interface ServeOptions {
  persistTo: string
  vars: Record<string, string>
  port: number
}

const QUEUE = 'fallback-storage-copies'

/** The Worker in a process of its own, its queue as in wrangler.toml; `wrangler dev` would spend as much again on its proxy and inspector. */
const { persistTo, vars, port } = JSON.parse(process.argv[2] ?? '') as ServeOptions
await startMiniflare(
  'bench/backfill/counting-worker.ts',
  {
    r2Buckets: { MEDIA: 'media' },
    queueProducers: { COPY_QUEUE: { queueName: QUEUE } },
    queueConsumers: { [QUEUE]: { maxBatchSize: 10, maxBatchTimeout: 1, maxRetries: 8 } },
    durableObjects: JOB_CLASSES,
    bindings: vars,
  },
  {
    port,
    resourcePersistencePath: persistTo,
    handleStructuredLogs: ({ level, message }) => {
      if (level === 'error') console.error(message)
    },
  },
)
