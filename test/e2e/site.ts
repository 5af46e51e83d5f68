import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { get as httpGet, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { bundle } from './bundle.ts'
import { type IsolateWatch, watchIsolate, type WatchOptions } from './isolate.ts'

export const TOKEN = 'open-sesame'

/** The Worker on a socket, with its own local R2 and queue. Its requests leave workerd itself: nothing hides what breaks. */
export interface Site {
  readonly url: string
  readonly bucket: Awaited<ReturnType<Miniflare['getR2Bucket']>>
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** As `fetch`, with the token. */
  call(path: string, init?: RequestInit): Promise<Response>
  /** An answer of which nothing is taken yet. */
  open(path: string, headers?: Record<string, string>): Promise<IncomingMessage>
  /** The bytes under the name in R2, once they are there. */
  stored(name: string, patience?: number): Promise<Buffer>
  /** What became of the copies of a name so far, as the log tells: copied, present, absent, failed. */
  copies(name: string): string[]
  copied(name: string, outcome: string, patience?: number): Promise<void>
  /** The process that runs the Worker, R2 and the queue. */
  readonly pid: number
  /** Its resident memory in bytes. */
  memory(): number
  /** The memory of the Worker's isolate alone; needs `inspected`. */
  watchIsolate(options?: WatchOptions): Promise<IsolateWatch>
  close(): Promise<void>
}

export interface SiteOptions {
  storages: readonly object[]
  vars?: Record<string, string>
  /** Where R2 lives. Default: nowhere for long. */
  persistTo?: string
  /** Opens workerd's inspector. */
  inspected?: boolean
}

const WORKER = 'fallback-storage'

const QUEUE = { queueName: 'copies' }
const CONSUMER = { maxBatchSize: 10, maxBatchTimeout: 0.2, maxRetries: 8 }

export async function startSite({ storages, vars = {}, persistTo, inspected }: SiteOptions): Promise<Site> {
  const log: CopyEntry[] = []
  const before = workerds()
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      ...(inspected && { inspectorPort: 0 }),
      ...(persistTo !== undefined && { resourcePersistencePath: persistTo }),
      handleStructuredLogs: ({ message }) => note(log, message),
      workers: [
        {
          name: WORKER,
          modules: [{ type: 'ESModule', path: 'index.js', contents: await bundle() }],
          compatibilityDate: '2026-10-01',
          compatibilityFlags: ['enable_request_signal'],
          r2Buckets: { MEDIA: 'media' },
          queueProducers: { COPY_QUEUE: QUEUE },
          queueConsumers: { [QUEUE.queueName]: CONSUMER },
          durableObjects: {
            BACKFILL_JOBS: { className: 'BackfillJob', useSQLite: true },
            VERIFICATION_JOBS: { className: 'VerificationJob', useSQLite: true },
            JOB_INDEX: { className: 'JobIndex', useSQLite: true },
          },
          bindings: {
            FALLBACK_STORAGES: JSON.stringify(storages),
            FALLBACK_DATA_MIGRATION: 'true',
            API_TOKEN: TOKEN,
            ...vars,
          },
        },
      ],
    }),
  )
  const url = (await miniflare.ready).href
  const pid = workerds().find((other) => !before.includes(other)) ?? 0
  const bucket = await miniflare.getR2Bucket('MEDIA')
  return {
    ...client(url),
    ...observer(bucket, log),
    pid,
    bucket,
    memory: () => residentBytes(pid),
    watchIsolate: async (watch) =>
      watchIsolate(await miniflare.getInspectorURL(), WORKER, {
        poke: () => fetch(new URL('/-/health', url)).then((response) => response.arrayBuffer()),
        ...watch,
      }),
    close: () => miniflare.dispose(),
  }
}

function client(url: string): Pick<Site, 'url' | 'fetch' | 'call' | 'open'> {
  // Else the simulator's front door would gzip.
  const identity = { 'Accept-Encoding': 'identity' }
  const request = (path: string, init: RequestInit, own: Record<string, string>): Promise<Response> => {
    const headers = new Headers({ ...identity, ...own })
    for (const [header, value] of new Headers(init.headers)) headers.set(header, value)
    return fetch(new URL(path, url), { ...init, headers })
  }
  return {
    url,
    fetch: (path, init = {}) => request(path, init, {}),
    call: (path, init = {}) => request(path, init, { Authorization: `Bearer ${TOKEN}` }),
    open: (path, headers = {}) =>
      new Promise((resolve, reject) => {
        const options = { headers: { ...identity, ...headers }, agent: false } as const
        httpGet(new URL(path, url), options, resolve).on('error', reject)
      }),
  }
}

function observer(
  bucket: Site['bucket'],
  log: readonly CopyEntry[],
): Pick<Site, 'stored' | 'copies' | 'copied'> {
  const copies = (name: string): string[] =>
    log.filter((entry) => entry.name === name).map(({ outcome }) => outcome)
  const reasons = (name: string): string =>
    log.flatMap((entry) => (entry.name === name && entry.reason ? [entry.reason] : [])).join('; ')
  return {
    copies,
    async stored(name, patience = 30_000) {
      const look = async () => (await bucket.get(name)) ?? null
      const found = await eventually(() => `${name} in R2 (${reasons(name)})`, look, patience)
      return Buffer.from(await found.arrayBuffer())
    },
    async copied(name, outcome, patience = 30_000) {
      const look = async () => copies(name).includes(outcome) || null
      await eventually(() => `copy of ${name}: ${outcome} (${reasons(name)})`, look, patience)
    },
  }
}

/** Looks again and again, for `patience` milliseconds. */
export async function eventually<T>(
  what: () => string,
  look: () => Promise<T | null>,
  patience = 30_000,
): Promise<T> {
  const until = Date.now() + patience
  for (;;) {
    const found = await look()
    if (found !== null) return found
    if (Date.now() > until) throw new Error(`not within ${patience} ms: ${what()}`)
    await sleep(30)
  }
}

interface CopyEntry {
  name: string
  outcome: string
  reason?: string
}

function note(log: CopyEntry[], message: string): void {
  if (message.startsWith('{"event":"copy"')) log.push(JSON.parse(message) as CopyEntry)
}

function workerds(): number[] {
  const listed = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' })
  return listed
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, command]) => parent === `${process.pid}` && command === 'workerd')
    .map(([pid]) => Number(pid))
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024
}
