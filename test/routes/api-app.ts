import { env } from 'cloudflare:workers'
import { createApp } from '../../src/app.ts'
import type { BackendConfig } from '../../src/config/backend-config.ts'
import type { Config } from '../../src/config/config.ts'
import { deploymentOver } from '../../src/deployment.ts'
import { memoryBackend } from '../kit/memory.ts'
import type { Backend, BackendHealth } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'

export const TOKEN = 'open-sesame'
export const ORIGIN = 'https://media.example'

export type ApiAppOptions = Partial<
  Pick<Config, 'migration' | 'deletes' | 'mediaPath' | 'mediaUrl' | 'services' | 'logReadsPerSecond'>
> & {
  apiToken?: string | null
  /** `hedge_ms` by backend name. */
  hedgeMs?: Readonly<Record<string, number>>
  /** What breakers report, by backend name. */
  health?: Readonly<Record<string, BackendHealth>>
}

/** The whole app over the given backends; `call` sends the token unless told otherwise. */
export function apiApp(backends: readonly Backend[], options: ApiAppOptions = {}) {
  const { apiToken = TOKEN, hedgeMs = {}, health = {}, ...others } = options
  const config: Config = {
    backends: Object.entries(hedgeMs).map(([name, ms]) => ({ name, hedgeMs: ms }) as BackendConfig),
    migration: false,
    deletes: 'tombstone',
    mediaPath: '/',
    cacheControl: 'public, max-age=3600',
    corsOrigins: null,
    inlineMaxBytes: 0,
    negativeCacheSeconds: 0,
    breaker: { failures: 0, seconds: 0 },
    logReadsPerSecond: 20,
    services: {},
    ...others,
    ...(apiToken !== null && { apiToken }),
  }
  const deployment = deploymentOver(backends, config, {
    health: new Map(Object.entries(health).map(([name, value]) => [name, () => value])),
  })
  const { chain } = deployment
  const app = createApp(deployment)
  const call = async (path: string, init: RequestInit & { token?: string | null } = {}) => {
    const { token = TOKEN, ...requestInit } = init
    const headers = new Headers(requestInit.headers)
    if (token !== null) headers.set('Authorization', `Bearer ${token}`)
    return app.request(`${ORIGIN}${path}`, { ...requestInit, headers }, env)
  }
  const json = async (path: string, init?: RequestInit & { token?: string | null }) => {
    const response = await call(path, init)
    return { status: response.status, body: await response.json<Record<string, unknown>>() }
  }
  return { app, chain, call, json }
}

/** A memory backend, and the same without the methods that write. */
export function readOnly(backend: Backend): Backend {
  // oxlint-disable-next-line typescript/unbound-method -- backends do without `this`
  const { put: _, delete: __, createMultipartUpload: ___, ...rest } = backend
  return rest
}

/** A backend that fails whatever it is asked. */
export function down(name: string, code: 'unavailable' | 'timeout' = 'unavailable'): Backend {
  const fail = async (): Promise<never> => {
    throw new StorageError(code, 'is down', { backend: name })
  }
  return { name, type: 'memory', get: fail, head: fail, put: fail, delete: fail, list: fail }
}

export async function holding(name: string, objects: Record<string, string>) {
  const backend = memoryBackend(name)
  for (const [key, text] of Object.entries(objects))
    await backend.put(key, bytes(text), { info: { modified: new Date(1e12) } })
  return backend
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
