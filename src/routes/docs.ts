import { StorageError } from '../storage/errors.ts'
import { findAsset, sendAsset } from './assets.ts'
import type { AppEnv, Handlers } from './context.ts'
import type { Context } from 'hono'

/** Everything comes from the Worker's own static assets; nothing else may run. */
const POLICY =
  "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** The API's documentation: the document that `npm run openapi` writes, a page to read it, and a page of errors. */
export const docsHandlers = {
  async openapi(c) {
    const { mediaPath } = c.var.deployment.config
    const document = await present(await findAsset(c, 'openapi.json')).json<Record<string, unknown>>()
    // OpenAPI joins the two, and the paths begin with a slash.
    return c.json({ ...document, servers: [{ url: mediaPath.slice(0, -1) || '/' }] })
  },
  docs: page('docs.html'),
  errorDocs: page('errors.html'),
  docsScript: page('docs.js'),
  docsStyle: page('docs.css'),
} satisfies Partial<Handlers>

function page(file: string) {
  return async (c: Context<AppEnv>): Promise<Response> => {
    const { path } = c.req
    // The addresses in the pages are relative.
    if (path.endsWith('/')) return c.body(null, 308, { Location: `../${path.split('/').at(-2)}` })
    return present(await sendAsset(c, file, { 'Content-Security-Policy': POLICY }))
  }
}

function present(asset: Response | null): Response {
  if (asset) return asset
  throw new StorageError('unavailable', 'the documentation is missing in the static assets')
}
