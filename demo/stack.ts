import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { startLegacyOrigin, type LegacyOrigin } from './legacy-origin.ts'
import { startWorker, type RunningWorker } from './worker.ts'

export interface StackOptions {
  /** The first port to try for the Worker. Default: any free one. */
  port?: number
  /** Files of the legacy origin. Default: the bundled media. */
  media?: string
  /** The legacy origin itself, e.g. one that fails. It is closed by `stop`. */
  origin?: LegacyOrigin
  /** The backends in order, by their types or as configured. Default: r2, kv, http. */
  chain?: readonly (DemoBackend | Record<string, unknown>)[]
  /** Copy on read. Default: yes. */
  migration?: boolean
  /** Where the local R2 and KV are stored. Default: a new folder that `stop` removes. */
  persistTo?: string
  /** Receives the Worker's log. */
  onOutput?: (text: string) => void
}

export type DemoBackend = 'r2' | 'kv' | 'http'

export interface Stack {
  worker: RunningWorker
  origin: LegacyOrigin
  /** The bearer token for protected routes. */
  token: string
  /** For S3 clients. */
  s3: { endpoint: string; bucket: string; accessKeyId: string; secretAccessKey: string }
  stop(): Promise<void>
}

/** The Worker under `wrangler dev`, local R2 and KV, and a legacy origin with media, wired into one chain. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const token = randomBytes(12).toString('base64url')
  const s3 = { bucket: 'media', accessKeyId: 'demo', secretAccessKey: randomBytes(12).toString('hex') }
  const persistTo = options.persistTo ?? (await freshFolder())
  const origin = options.origin ?? (await startLegacyOrigin(options.media))
  const removeState = async () => {
    await origin.close()
    if (options.persistTo === undefined) await rm(persistTo, { recursive: true, force: true, maxRetries: 3 })
  }
  const chain = (options.chain ?? ['r2', 'kv', 'http']).map((one) =>
    typeof one === 'string' ? backendTable(one, origin.url) : one,
  )
  try {
    const worker = await startWorker({
      vars: {
        FALLBACK_STORAGES: JSON.stringify(chain),
        FALLBACK_DATA_MIGRATION: String(options.migration ?? true),
        API_TOKEN: token,
        S3_BUCKET: s3.bucket,
        S3_KEYS: JSON.stringify([
          { access_key_id: s3.accessKeyId, secret_access_key: s3.secretAccessKey, scopes: ['write'] },
        ]),
      },
      persistTo,
      ...(options.port !== undefined && { port: options.port }),
      ...(options.onOutput && { onOutput: options.onOutput }),
    })
    const stop = async () => {
      await worker.stop()
      await removeState()
    }
    return { worker, origin, token, s3: { ...s3, endpoint: `${worker.url}-/s3/` }, stop }
  } catch (error) {
    await removeState()
    throw error
  }
}

function backendTable(type: DemoBackend, originUrl: string): Record<string, string> {
  if (type === 'r2') return { type, binding: 'MEDIA' }
  if (type === 'kv') return { type, binding: 'MEDIA_KV' }
  return { type, name: 'legacy', url: originUrl, listing: 'autoindex-json' }
}

/** Under `.wrangler`, which git ignores, so that a killed demo leaves nothing elsewhere. */
async function freshFolder(): Promise<string> {
  const parent = fileURLToPath(new URL('../.wrangler', import.meta.url))
  await mkdir(parent, { recursive: true })
  return mkdtemp(`${parent}/demo-`)
}
