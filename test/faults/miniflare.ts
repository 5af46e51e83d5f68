import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { bundle } from '../e2e/bundle.ts'

export const TOKEN = 'open-sesame'
export const S3_PATH = 'cdn-cgi/local/r2/s3'

export interface WorkerOptions {
  storages: readonly object[]
  vars?: Record<string, string>
  /** Where R2 and KV live. Default: nowhere for long. */
  persistTo?: string
  /** Lets the bucket be reached at `url` + `S3_PATH` by whoever signs with these. */
  s3Credentials?: { accessKeyId: string; secretAccessKey: string }
}

/** The Worker in plain Miniflare, whose requests leave workerd itself: nothing mends or hides what is broken. */
export interface FaultyWorker {
  /** Ends in `/`. */
  readonly url: string
  readonly bucket: Awaited<ReturnType<Miniflare['getR2Bucket']>>
  /** What became of the copies of a name so far, as the log tells: an outcome, or why it failed. */
  copies(name: string): string[]
  stop(): Promise<void>
}

const QUEUE = { queueName: 'copies' }

let bundled: Promise<string> | undefined

export async function startWorker({
  storages,
  vars,
  persistTo,
  s3Credentials,
}: WorkerOptions): Promise<FaultyWorker> {
  const copies = new Map<string, string[]>()
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      ...(persistTo !== undefined && { resourcePersistencePath: persistTo }),
      handleStructuredLogs: ({ message }) => note(copies, message),
      workers: [
        {
          name: 'fallback-storage',
          modules: [{ type: 'ESModule', path: 'index.js', contents: await (bundled ??= bundle()) }],
          compatibilityDate: '2026-10-01',
          r2Buckets: { MEDIA: s3Credentials ? { id: 'media', s3Credentials } : 'media' },
          kvNamespaces: { MEDIA_KV: 'media-kv' },
          queueProducers: { COPY_QUEUE: QUEUE },
          queueConsumers: { [QUEUE.queueName]: { maxBatchSize: 50, maxBatchTimeout: 0.1, maxRetries: 0 } },
          bindings: { FALLBACK_STORAGES: JSON.stringify(storages), API_TOKEN: TOKEN, ...vars },
        },
      ],
    }),
  )
  return {
    url: (await miniflare.ready).href,
    bucket: await miniflare.getR2Bucket('MEDIA'),
    copies: (name) => copies.get(name) ?? [],
    stop: () => miniflare.dispose(),
  }
}

function note(copies: Map<string, string[]>, message: string): void {
  if (!message.startsWith('{"event":"copy"')) return
  const { name, outcome, reason } = JSON.parse(message) as Record<'name' | 'outcome' | 'reason', string>
  copies.set(name, [...(copies.get(name) ?? []), reason ?? outcome])
}
