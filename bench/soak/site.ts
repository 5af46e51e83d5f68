import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { faults } from '../../test/kit/origin/faults.ts'
import { startSite, type Site } from '../../test/kit/worker/site.ts'
import { startOrigin } from '../../test/kit/origin/origin.ts'
import { CREDENTIALS, S3_PATH } from '../../test/kit/servers/s3.ts'
import { serve } from '../../test/kit/origin/serve.ts'
import { type ProxyFault, startProxy } from './proxy.ts'
import type { Random } from '../../test/kit/random.ts'

/** The chain under test: an S3 primary behind a faulty proxy, KV, and a faulty old web server. */
export interface SoakSite {
  readonly worker: Site
  /** Adds an object to the old web server, with that Cache-Control if any. */
  add(name: string, body: Buffer, cacheControl?: string): void
  /** The fraction of requests to the primary and to the old web server that fail. */
  setFailing(share: number): void
  /** Takes the primary down in this way; `null` brings it back. */
  setOutage(outage: ProxyFault | null): void
  /** How many requests got a fault. */
  faulty(): { primary: number; old: number }
  /** Kills the process that runs the Worker, its buckets and its queue, and starts a new one on the same files. */
  kill(): Promise<void>
  stop(): Promise<void>
}

const TIMES = { timeout_ms: 3000, idle_timeout_ms: 1500 }
/** All except wrong 404s, which the Worker must believe. */
const OLD_FAULTS = {
  reset: 3,
  hangUp: 3,
  garbage: 1,
  htmlPage: 2,
  redirectLoop: 1,
  status304: 1,
  status403: 1,
  status500: 3,
  status503: 3,
  truncate: 3,
  resetBody: 3,
  announceMore: 1,
  chunked: 2,
  chunkedTruncate: 1,
  gzip: 1,
  gzipTruncate: 1,
  wrongRange: 1,
  ignoreRange: 1,
  unrequestedPart: 1,
  stall: 0.3,
  hang: 0.3,
} as const

/** `times` are the backends' timeouts. */
export async function startSoakSite(random: Random, times = TIMES): Promise<SoakSite> {
  const persistTo = await mkdtemp(join(tmpdir(), 'fallback-storage-soak-'))
  const [proxy, old] = await Promise.all([startProxy(random), startOrigin()])
  let failing = 0
  let oldFaulty = 0
  await old.set('*', (exchange) => {
    if (random.next() >= failing) return serve(exchange)
    oldFaulty += 1
    ;(faults[random.pick(OLD_FAULTS)].fault ?? serve)(exchange)
  })
  const storages = [
    {
      type: 's3',
      name: 'primary',
      endpoint: proxy.url + S3_PATH,
      bucket: 'media',
      credentials: 'SOAK',
      read_only: false,
      ...times,
    },
    { type: 'kv', binding: 'MEDIA_KV' },
    { type: 'http', name: 'old', url: old.url, ...times },
  ]
  const vars = {
    FALLBACK_DATA_MIGRATION: 'true',
    // It is down and up again within seconds.
    FALLBACK_BREAKER_SECONDS: '1',
    SOAK_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    SOAK_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
  }
  const start = async (): Promise<Site> => {
    const worker = await startSite({ storages, vars, persistTo, retries: 0, s3Credentials: CREDENTIALS })
    proxy.upstream = new URL(worker.url)
    return worker
  }
  let worker = await start()
  return {
    get worker() {
      return worker
    },
    add(name, body, cacheControl) {
      const kept = cacheControl === undefined ? {} : { cacheControl }
      old.add(name, body, { type: 'image/jpeg', etag: `"old-${body.length}"`, ...kept })
    },
    setOutage: (outage) => void (proxy.outage = outage),
    setFailing(share) {
      failing = share
      proxy.failing = share
    },
    faulty: () => ({ primary: proxy.faulty, old: oldFaulty }),
    async kill() {
      process.kill(worker.pid, 'SIGKILL')
      await worker.close()
      worker = await start()
    },
    async stop() {
      await worker.close()
      await Promise.all([proxy.close(), old.close()])
      await rm(persistTo, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
