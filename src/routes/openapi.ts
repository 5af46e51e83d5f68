import type { Context } from 'hono'
import { Hono } from 'hono'
import type { AppEnv } from './context.ts'
import { docsPage, errorsPage } from './docs-page.ts'
import { notAllowed } from './not-allowed.ts'
import document from './openapi.json'

/** The API's own description: the document that `npm run openapi` writes, and two pages to read it. */
export function openapiRoutes() {
  const routes = new Hono<AppEnv>()
    .get('/api/openapi.json', (c) => {
      const { mediaPath } = c.var.deployment.config
      // OpenAPI joins the two, and the paths begin with a slash.
      const servers = [{ url: mediaPath.slice(0, -1) || '/' }]
      return c.json({ ...document, servers })
    })
    .get('/docs', (c) => answerPage(c, docsPage))
    .get('/docs/errors', (c) => answerPage(c, errorsPage))
  for (const path of ['/api/openapi.json', '/docs', '/docs/errors']) {
    routes.all(path, notAllowed('GET, HEAD'))
  }
  return routes
}

function answerPage(c: Context<AppEnv>, page: (nonce: string) => string): Response {
  const nonce = crypto.randomUUID()
  return c.html(page(nonce), 200, {
    'Content-Security-Policy': `default-src 'none'; connect-src 'self'; script-src 'nonce-${nonce}'; style-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  }) as Response
}
