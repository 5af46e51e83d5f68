import { env } from 'cloudflare:workers'
import { bucketWith, R2, startApp } from '../kit/app.ts'
import { eventually } from '../kit/eventually.ts'

/** The cache of this isolate outlives a test: each app has names of its own. */
let apps = 0

/** The Worker over R2, with the edge cache on, and how often the bucket was read. */
export function startCached(settings: Record<string, unknown> = {}, context: Partial<ExecutionContext> = {}) {
  const reads = { get: 0, head: 0 }
  const MEDIA = bucketWith({
    get: ((...args: Parameters<R2Bucket['get']>) => (reads.get++, env.MEDIA.get(...args))) as R2Bucket['get'],
    head: (...args) => (reads.head++, env.MEDIA.head(...args)),
  })
  const folder = `edge-${apps++}`
  const started = startApp(
    { MEDIA, FALLBACK_STORAGES: [R2], MEDIA_EDGE_CACHE_SECONDS: '60', ...settings },
    context,
  )
  const pathOf = (name: string): string => `/${folder}/${name}`
  /** As an anonymous client; the body is read. */
  const read = async (name: string, init: RequestInit = {}) => {
    const response = await started.call(pathOf(name), { token: null, ...init })
    return { status: response.status, headers: response.headers, text: await response.text() }
  }
  const put = async (name: string, text: string, headers: Record<string, string> = {}): Promise<void> => {
    const response = await started.call(pathOf(name), { method: 'PUT', body: text, headers })
    if (!response.ok) throw new Error(`PUT answered ${response.status}: ${await response.text()}`)
  }
  /** What the cache itself holds under the name. */
  const cached = async (name: string): Promise<Response | undefined> => {
    const key = encodeURIComponent(`${folder}/${name}`)
    return caches.default.match(
      `https://fallback-storage.invalid/-/edge-cache/${started.deployment.id}/${key}`,
    )
  }
  const untilCached = (name: string): Promise<Response> =>
    eventually(
      () => `${name} in the cache`,
      async () => (await cached(name)) ?? null,
    )
  return { ...started, reads, read, put, cached, untilCached, nameOf: (name: string) => `${folder}/${name}` }
}

export const HIT = /^fallback-storage-edge; hit; ttl=\d+$/
