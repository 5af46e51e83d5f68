import { get as httpGet, type IncomingMessage } from 'node:http'
import { readFile } from 'node:fs/promises'
import mime from 'mime'
import { type Miniflare, Response as AssetResponse } from 'miniflare'
import { type IsolateWatch, watchIsolate, type WatchOptions } from './isolate.ts'
import { eventually } from '../eventually.ts'
import { JOB_CLASSES, startMiniflare, WORKER } from './miniflare.ts'

export const TOKEN = 'open-sesame'

/** The Worker on a socket, with its own local R2, KV and queue. Its requests come from workerd itself, so that no failure is hidden. */
export interface Site {
  /** Ends in `/`. */
  readonly url: string
  readonly bucket: Awaited<ReturnType<Miniflare['getR2Bucket']>>
  readonly namespace: Awaited<ReturnType<Miniflare['getKVNamespace']>>
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** Like `fetch`, with the token. */
  call(path: string, init?: RequestInit): Promise<Response>
  /** A response whose body has not been read. */
  open(path: string, headers?: Record<string, string>): Promise<IncomingMessage>
  /** The bytes under the name in R2, once they exist. */
  stored(name: string, patience?: number): Promise<Buffer>
  /** The outcomes of the copies of a name so far, from the log: copied, present, absent, failed. */
  copies(name: string): string[]
  /** Waits for that outcome, or for any. */
  copied(name: string, outcome?: string, patience?: number): Promise<void>
  /** Runs what the cron trigger starts. */
  runSchedule(): Promise<void>
  /** How long the Worker took to refuse each request with 503 so far, in milliseconds, from its log. */
  refusals(): readonly number[]
  /** The process that runs the Worker, R2 and the queue. */
  readonly pid: number
  /** The memory of the Worker's isolate alone; needs `inspected`. */
  watchIsolate(options?: WatchOptions): Promise<IsolateWatch>
  close(): Promise<void>
}

export interface SiteOptions {
  /** Another Worker around this one. Default: `src/index.ts`. */
  entry?: string
  storages: readonly object[]
  /** Added to a configuration that copies on read. */
  vars?: Record<string, string>
  /** Where R2 and KV are stored. Default: a folder that is removed at the end. */
  persistTo?: string
  /** Opens workerd's inspector. */
  inspected?: boolean
  /** How often the queue retries a failed copy. */
  retries?: number
  /** Gives `url` a socket of the Worker itself: the simulator's entry cleans paths and trusts X-Forwarded-Proto. */
  direct?: boolean
  /** Makes the bucket available at `url` + `S3_PATH` for requests signed with these. */
  s3Credentials?: { accessKeyId: string; secretAccessKey: string }
}

/** What the ASSETS binding of wrangler.toml answers. */
async function readAsset(request: { url: string }): Promise<AssetResponse> {
  const { pathname } = new URL(request.url)
  const file = new URL(`../../../src/assets${pathname}`, import.meta.url)
  const bytes = await readFile(file).catch(() => null)
  if (!bytes) return new AssetResponse(null, { status: 404 })
  return new AssetResponse(bytes, { headers: { 'Content-Type': mime.getType(pathname) ?? '' } })
}

const QUEUE = { queueName: 'copies' }

export async function startSite({
  entry = 'src/index.ts',
  storages,
  vars = {},
  persistTo,
  inspected,
  retries = 8,
  s3Credentials,
  direct = false,
}: SiteOptions): Promise<Site> {
  const log: CopyEntry[] = []
  const refusals: number[] = []
  const {
    miniflare,
    url: frontDoor,
    pid,
  } = await startMiniflare(
    entry,
    {
      r2Buckets: { MEDIA: s3Credentials ? { id: 'media', s3Credentials } : 'media' },
      kvNamespaces: { MEDIA_KV: 'media-kv' },
      queueProducers: { COPY_QUEUE: QUEUE },
      queueConsumers: { [QUEUE.queueName]: { maxBatchSize: 10, maxBatchTimeout: 0.1, maxRetries: retries } },
      durableObjects: JOB_CLASSES,
      serviceBindings: { ASSETS: readAsset },
      ...(direct && { unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }] }),
      bindings: {
        FALLBACK_STORAGES: JSON.stringify(storages),
        FALLBACK_DATA_MIGRATION: 'true',
        API_TOKEN: TOKEN,
        ...vars,
      },
    },
    {
      ...(inspected && { inspectorPort: 0 }),
      ...(persistTo !== undefined && { resourcePersistencePath: persistTo }),
      handleStructuredLogs({ message }) {
        note(log, message)
        noteRefusal(refusals, message)
      },
    },
  )
  const url = direct ? (await miniflare.unsafeGetDirectURL(WORKER)).href : frontDoor
  const bucket = opened(() => miniflare.getR2Bucket('MEDIA'))
  return {
    ...client(url),
    ...observer(bucket, log),
    async runSchedule() {
      await (await miniflare.getWorker(WORKER)).scheduled({ cron: '17 3 * * *' })
    },
    refusals: () => refusals,
    pid,
    bucket,
    namespace: opened(() => miniflare.getKVNamespace('MEDIA_KV')),
    watchIsolate: async (watch) =>
      watchIsolate(await miniflare.getInspectorURL(), WORKER, {
        poke: () => fetch(new URL('/-/health', url)).then((response) => response.arrayBuffer()),
        ...watch,
      }),
    close: () => miniflare.dispose(),
  }
}

/** A binding whose methods are all asynchronous, opened at the first call: opening one starts a thread. */
function opened<Binding extends object>(open: () => Promise<Binding>): Binding {
  let binding: Promise<Binding> | undefined
  return new Proxy({} as Binding, {
    get:
      (_, method) =>
      async (...given: unknown[]) => {
        const target = await (binding ??= open())
        return (Reflect.get(target, method) as (...given: unknown[]) => unknown)(...given)
      },
  })
}

function client(url: string): Pick<Site, 'url' | 'fetch' | 'call' | 'open'> {
  // Otherwise the simulator's entry proxy would gzip.
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
      const found = await eventually(() => `${name} in R2 (${reasons(name)})`, look, { patience })
      return Buffer.from(await found.arrayBuffer())
    },
    async copied(name, outcome, patience = 30_000) {
      const look = async () =>
        (outcome === undefined ? copies(name).length > 0 : copies(name).includes(outcome)) || null
      await eventually(() => `copy of ${name}: ${outcome ?? 'any'} (${reasons(name)})`, look, { patience })
    },
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

function noteRefusal(refusals: number[], message: string): void {
  if (!message.startsWith('{"event":"request"')) return
  const { status, duration } = JSON.parse(message) as { status: number; duration: number }
  if (status === 503) refusals.push(duration)
}
