import { readdirSync, readFileSync } from 'node:fs'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import { childWorkerds } from '../test/kit/worker/process.ts'
import { bundle } from './bundle.ts'

/** All Workers of one run: one workerd, one bucket, one origin; a socket for each Worker. */
export interface Contest {
  /** Base URL of a Worker, without a slash at the end. */
  url(worker: string): string
  /** The process of all Workers. */
  pid: number
  /** Base URL of the old server. */
  origin: string
  store(key: string, size: number, customMetadata?: Record<string, string>): Promise<void>
  stop(): Promise<void>
}

type Vars = Record<string, unknown>

export interface OwnWorker {
  name: string
  vars: Vars
  durableObjects?: Record<string, { className: string; useSQLite: true }>
}

const OPTIONS = { compatibilityDate: '2026-10-01' }
const STARTUPS = 7

export interface ContestOptions {
  /** The inspector's address. It slows the Worker down, so it is off unless a profile is recorded. */
  inspectorPort?: number
  /** Whether storages answer as late as in production: `bench/distance/`. */
  distant?: boolean
}

/** Starts the peers, and this project once per measured configuration. */
export async function startContest(
  own: (origin: string) => OwnWorker[],
  { inspectorPort, distant = false }: ContestOptions = {},
): Promise<Contest> {
  // Another contest may still be running.
  const others = childWorkerds()
  const thread = new Worker(new URL('./origin.ts', import.meta.url))
  const [port] = (await once(thread, 'message')) as [number]
  const server = `http://127.0.0.1:${port}`
  const origin = distant ? `${server}/far` : server
  const [code, render] = await Promise.all([
    bundle('src/index.ts', { minify: inspectorPort === undefined }),
    bundle('render2'),
  ])
  const latency = await bundle('bench/distance/latency.ts')
  const wrapper = read('./peers/distant.js')
  const bare = read('./peers/bare.js')
  const sameAnswer = read('./peers/same-answer.js')
  const workers = [
    { name: 'bare', code: bare, vars: {} },
    { name: 'bare-origin', code: bare, vars: { ORIGIN: origin }, r2Buckets: {} },
    { name: 'bare-fetch-through', code: bare, vars: { ORIGIN: origin } },
    { name: 'bare-three', code: bare, vars: { ORIGIN: origin }, kvNamespaces: { MEDIA_KV: 'kv' } },
    { name: 'same-answer', code: sameAnswer, vars: { ORIGIN: origin } },
    {
      name: 'same-answer-three',
      code: sameAnswer,
      vars: { ORIGIN: origin },
      kvNamespaces: { MEDIA_KV: 'kv' },
    },
    { name: 'render2', code: render, vars: { CACHE_CONTROL: 'no-store' } },
    ...own(origin).map((worker) => ({ ...worker, code, kvNamespaces: { MEDIA_KV: 'kv' } })),
  ]
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: '127.0.0.1',
      port: 0,
      // What is logged costs workerd the same; it is not read here.
      handleStructuredLogs: () => undefined,
      ...(inspectorPort !== undefined && { inspectorPort }),
      workers: [
        ...workers.map(({ name, code: contents, vars, ...bindings }) => ({
          ...OPTIONS,
          name,
          modules: distant
            ? [module('index.js', wrapper), module('latency.js', latency), module('worker.js', contents)]
            : [module('index.js', contents)],
          r2Buckets: { MEDIA: 'media', R2_BUCKET: 'media' },
          bindings: vars as Record<string, never>,
          unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
          ...bindings,
        })),
        ...Array.from({ length: STARTUPS }, (_, index) => ({
          ...OPTIONS,
          name: startupName(index),
          modules: [module('index.js', read('./peers/startup.js')), module('bundle.js', code)],
          unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
        })),
      ],
    }),
  )
  await miniflare.ready
  const names = [...workers.map(({ name }) => name), ...startups()]
  const urls = new Map<string, string>()
  for (const name of names) urls.set(name, (await miniflare.unsafeGetDirectURL(name)).origin)
  const bucket = await miniflare.getR2Bucket('MEDIA', 'bare')
  return {
    origin: server,
    pid: childWorkerds().find((pid) => !others.includes(pid)) ?? 0,
    url(worker) {
      const url = urls.get(worker)
      if (url === undefined) throw new Error(`there is no Worker ${worker}`)
      return url
    },
    async store(key, size, customMetadata = {}) {
      const httpMetadata = { contentType: 'image/jpeg' }
      await bucket.put(key, new Uint8Array(size).fill(97), { httpMetadata, customMetadata })
    },
    async stop() {
      await miniflare.dispose()
      await thread.terminate()
    },
  }
}

function module(path: string, contents: string) {
  return { type: 'ESModule' as const, path, contents }
}

/** Workers that have had no request, each for one measurement of a start. */
export function startups(): string[] {
  return Array.from({ length: STARTUPS }, (_, index) => startupName(index))
}

function startupName(index: number): string {
  return `startup-${index}`
}

function read(path: string): string {
  return readFileSync(new URL(path, import.meta.url), 'utf8')
}

/** CPU seconds of a process so far, over all its threads; `undefined` if the system does not report them. */
export function cpuSeconds(pid: number): number | undefined {
  try {
    const nanoseconds = readdirSync(`/proc/${pid}/task`).map((thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
    )
    return nanoseconds.reduce((sum, each) => sum + each, 0) / 1e9
  } catch {
    return undefined
  }
}
