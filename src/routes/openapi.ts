import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import { StorageError } from '../storage/errors.ts'
import type { AppEnv } from './context.ts'
import { notAllowed } from './not-allowed.ts'

/** Everything comes from the Worker's own static assets, and runs nothing else. */
const POLICY =
  "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const PAGES = {
  '/docs': 'docs.html',
  '/docs/errors': 'errors.html',
  '/docs/docs.js': 'docs.js',
  '/docs/docs.css': 'docs.css',
}

/** The API's own description: the document that `npm run openapi` writes, and two pages to read it. */
export function openapiRoutes() {
  const routes = new Hono<AppEnv>().get('/api/openapi.json', async (c) => {
    const { mediaPath } = c.var.deployment.config
    const document = await (await asset(c, 'openapi.json')).json<Record<string, unknown>>()
    // OpenAPI joins the two, and the paths begin with a slash.
    return c.json({ ...document, servers: [{ url: mediaPath.slice(0, -1) || '/' }] })
  })
  routes.all('/api/openapi.json', notAllowed('GET, HEAD'))
  for (const [path, file] of Object.entries(PAGES)) {
    routes.get(path, async (c) => answerFile(await asset(c, file)))
    routes.all(path, notAllowed('GET, HEAD'))
  }
  return routes
}

/** A file of `src/assets`: kept out of the bundle, which every cold start has to load. */
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
  await response.body?.cancel()
  throw new StorageError('unavailable', `the asset ${file} answered ${response.status}`)
}

function answerFile(found: Response): Response {
  const response = new Response(found.body, found)
  response.headers.set('Content-Security-Policy', POLICY)
  response.headers.set('X-Content-Type-Options', 'nosniff')
  return response
}
