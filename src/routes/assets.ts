import type { Context } from 'hono'
import { cancelBody } from '../bodies/cancel.ts'
import { StorageError } from '../storage/errors.ts'
import type { AppEnv } from './context.ts'

/** A file in `src/assets`, which are not in the bundle, because every cold start has to load the bundle. `null` if there is none. */
export async function findAsset(
  c: Context<AppEnv>,
  file: string,
  init?: Pick<RequestInit, 'method' | 'headers'>,
): Promise<Response | null> {
  const { assets } = c.var.deployment.config.services
  if (!assets) {
    throw new StorageError('unsupported', 'pages need [assets] with the binding ASSETS in wrangler.toml')
  }
  const response = await assets.fetch(`https://assets.local/${file}`, init)
  if (response.ok || response.status === 304) return response
  await cancelBody(response.body)
  if (response.status === 404) return null
  throw new StorageError('unavailable', `the asset ${file} answered ${response.status}`)
}

/** The response with a file for a browser, which may have it already; `headers` are added to it. */
export async function sendAsset(
  c: Context<AppEnv>,
  file: string,
  headers: Readonly<Record<string, string>>,
): Promise<Response | null> {
  const known = c.req.header('If-None-Match')
  const found = await findAsset(c, file, {
    method: c.req.method,
    ...(known !== undefined && { headers: { 'If-None-Match': known } }),
  })
  if (!found) return null
  const response = new Response(found.body, found)
  for (const [name, value] of Object.entries(headers)) response.headers.set(name, value)
  return response
}
