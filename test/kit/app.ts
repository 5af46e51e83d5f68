import { env } from 'cloudflare:workers'
import { createApp } from '../../src/app.ts'
import { kvBackend } from '../../src/backends/kv/kv.ts'
import { r2Backend } from '../../src/backends/r2/r2.ts'
import { deploymentFor } from '../../src/deploy.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf } from './fakes.ts'

export const TOKEN = 'open-sesame'
export const SITE = 'https://media.example'

/** When objects of `fill` were modified. */
export const MODIFIED = '2001-09-09T01:46:40.000Z'

/** The bindings of wrangler.toml without a deployment, to act without the Worker's knowledge. */
export const media = r2Backend('media', env.MEDIA)
export const mediaKv = kvBackend('media_kv', env.MEDIA_KV)

/** Their tables, as in wrangler.toml, and an origin from `answering` as `OLD`. */
export const R2 = { type: 'r2', binding: 'MEDIA' }
export const KV = { type: 'kv', binding: 'MEDIA_KV', read_only: true }
export const OLD = { type: 'http', binding: 'OLD', name: 'old' }

export type Json = Record<string, unknown>
export type CallInit = RequestInit & { token?: string | null }

/** The Worker's app as in `index.ts`, over the bindings of wrangler.toml; `settings` are variables and further bindings. */
export function startApp(settings: Record<string, unknown> = {}, context: Partial<ExecutionContext> = {}) {
  const deployment = deploymentFor({
    ...env,
    API_TOKEN: TOKEN,
    // Reports of what is counted would go on after a test has ended.
    TIME_SERIES: undefined,
    FALLBACK_STORAGES: [R2, KV],
    ...settings,
  })
  const app = createApp(deployment)
  /** Sends the token; `token: null` sends none. */
  const call = async (path: string, { token = TOKEN, ...init }: CallInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    if (token !== null) headers.set('Authorization', `Bearer ${token}`)
    return app.request(`${SITE}${path}`, { ...init, headers }, env, context as ExecutionContext)
  }
  const json = async (path: string, init?: CallInit): Promise<{ status: number; body: Json }> => {
    const response = await call(path, init)
    return { status: response.status, body: await response.json<Json>() }
  }
  const post = (path: string, body: unknown = {}) =>
    json(`/-/api/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
  const get = async (path: string): Promise<Json> => (await json(`/-/api/${path}`)).body
  const remove = async (...names: string[]): Promise<void> => {
    for (const name of names) await call(`/-/api/delete/${name}`, { method: 'DELETE' })
  }

  /** Polls until `isThere`, as a client that watches a job would. */
  const watch = async (path: string, isThere: (job: Json) => boolean): Promise<Json> => {
    for (let round = 0; round < 150; round++) {
      const job = await get(path)
      if (isThere(job)) return job
      await scheduler.wait(100)
    }
    throw new Error(`${path} is still ${JSON.stringify(await get(path))}`)
  }
  const ended = (path: string): Promise<Json> =>
    watch(path, ({ state }) => !['listing', 'running'].includes(String(state)))
  return { app, deployment, chain: deployment.chain, call, json, post, get, remove, watch, ended }
}

/** Puts objects with these texts directly into a backend. */
export async function fill(backend: Backend, texts: Record<string, string>): Promise<void> {
  const info = { modified: new Date(MODIFIED) }
  for (const [name, text] of Object.entries(texts)) await backend.put?.(name, bytesOf(text), { info })
}

/** Puts `photos/0000` and so on into the fallback. */
export function seed(count: number): Promise<void> {
  const names = Array.from({ length: count }, (_, index) => `photos/${String(index).padStart(4, '0')}`)
  return fill(mediaKv, Object.fromEntries(names.map((name, index) => [name, `bytes ${index}`])))
}

/** A bound origin with these responses, and the requests that it received. */
export function answering(answer: (request: Request) => Response | Promise<Response>) {
  const requests: Request[] = []
  const fetch = async (url: string, init?: RequestInit): Promise<Response> => {
    const request = new Request(url, init)
    requests.push(request)
    return answer(request)
  }
  return { fetch, requests }
}

export const EMPTY_ORIGIN = answering(() => new Response(null, { status: 404 }))
export const BROKEN_ORIGIN = answering(() => new Response(null, { status: 503 }))
export const SILENT_ORIGIN = answering(
  ({ signal }) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason))
    }),
)

/** The bucket of wrangler.toml, except for the given methods. */
export function bucketWith(methods: Partial<R2Bucket>): R2Bucket {
  return new Proxy(env.MEDIA, {
    get(bucket, key) {
      const value: unknown = Reflect.get({ ...methods }, key) ?? Reflect.get(bucket, key)
      return typeof value === 'function' ? value.bind(bucket) : value
    },
  })
}
