import { JOB_CLASSES, startMiniflare } from '../../test/kit/worker/miniflare.ts'

/** The arguments from `startKillable`. */
export interface ServeOptions {
  persistTo: string
  vars: Record<string, string>
  port: number
}

const QUEUE = 'fallback-storage-copies'

/** The Worker in a process of its own, its queue as in wrangler.toml; the proxy and inspector of `wrangler dev` would take as much time again. */
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
