import { env } from 'cloudflare:workers'
import { kvBackend } from '../../src/backends/kv/kv.ts'
import { r2Backend } from '../../src/backends/r2/r2.ts'
import { bytesOf } from '../kit/fakes.ts'
import { apiApp, type ApiAppOptions } from './api-app.ts'

export type Json = Record<string, unknown>

export const jobServices = {
  backfillJobs: env.BACKFILL_JOBS,
  verificationJobs: env.VERIFICATION_JOBS,
  jobIndex: env.JOB_INDEX,
}

/** The app over the bindings of wrangler.toml, whose jobs work over the same ones. */
export function jobsApp(options: ApiAppOptions = {}) {
  const media = r2Backend('media', env.MEDIA)
  const legacy = kvBackend('media_kv', env.MEDIA_KV)
  const app = apiApp([media, legacy], { services: jobServices, ...options })
  const post = (path: string, body: unknown = {}) =>
    app.json(`/-/api/${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    })
  const get = async (path: string): Promise<Json> => (await app.json(`/-/api/${path}`)).body

  /** Asks until `isThere`, as a client that watches would. */
  const watch = async (path: string, isThere: (job: Json) => boolean): Promise<Json> => {
    for (let round = 0; round < 150; round++) {
      const job = await get(path)
      if (isThere(job)) return job
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error(`${path} is still ${JSON.stringify(await get(path))}`)
  }
  const ended = (path: string): Promise<Json> =>
    watch(path, ({ state }) => !['listing', 'running'].includes(String(state)))

  /** Puts objects into the fallback. */
  const seed = async (count: number): Promise<void> => {
    for (let index = 0; index < count; index++)
      await legacy.put?.(`photos/${String(index).padStart(4, '0')}`, bytesOf(`bytes ${index}`))
  }
  return { ...app, media, legacy, post, get, watch, ended, seed }
}
