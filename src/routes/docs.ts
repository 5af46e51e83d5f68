import { cancelBody } from '../bodies/cancel.ts'
import type { Context } from 'hono'
import { StorageError } from '../storage/errors.ts'
import type { AppEnv, Handlers } from './context.ts'

/** Everything comes from the Worker's own static assets; nothing else may run. */
const POLICY =
  "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** The API's documentation: the document that `npm run openapi` writes, a page to read it, and a page of errors. */
export const docsHandlers = {
  async openapi(c) {
    const { mediaPath } = c.var.deployment.config
    const document = await (await asset(c, 'openapi.json')).json<Record<string, unknown>>()
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
    const found = await asset(c, file)
    const response = new Response(found.body, found)
    response.headers.set('Content-Security-Policy', POLICY)
    return response
  }
}

/** A file in `src/assets`, which are not in the bundle, because every cold start has to load the bundle. */
async function asset(c: Context<AppEnv>, file: string): Promise<Response> {
  const { ASSETS: assets } = c.env as Partial<Env>
  if (!assets) {
    throw new StorageError(
      'unsupported',
      'the documentation needs [assets] with the binding ASSETS in wrangler.toml',
    )
  }
  const response = await assets.fetch(`https://assets.local/${file}`)
  if (response.ok) return response
  await cancelBody(response.body)
  throw new StorageError('unavailable', `the asset ${file} answered ${response.status}`)
}
