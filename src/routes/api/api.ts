import { Hono } from 'hono/tiny'
import { problemResponse } from '../../http/problem.ts'
import { backendRoutes } from './backends.ts'
import { listingRoutes } from './listing.ts'
import { methodRoutes } from './methods.ts'
import { tombstoneRoutes } from './tombstones.ts'
import type { AppEnv } from '../context.ts'
import { backfillRoutes } from '../jobs/backfills.ts'
import { verificationRoutes } from '../jobs/verifications.ts'
import { openapiRoutes } from '../openapi.ts'

/**
 * The JSON API, to be mounted at `-/` below the media path; its `api/*` ends in a 404,
 * so whatever else lives there is mounted before.
 */
export function apiRoutes() {
  const routes = new Hono<AppEnv>()
  routes.use('/api/*', async (c, next) => {
    await next()
    c.res.headers.set('X-Content-Type-Options', 'nosniff')
    if (!c.res.headers.has('Cache-Control')) c.res.headers.set('Cache-Control', 'no-store')
  })
  const all = routes
    .route('/api', methodRoutes())
    .route('/api', listingRoutes())
    .route('/api', tombstoneRoutes())
    .route('/api', backendRoutes())
    .route('/api', backfillRoutes())
    .route('/api', verificationRoutes())
    .route('/', openapiRoutes())
  routes.all('/api/*', (c, next) => (c.req.method === 'OPTIONS' ? next() : noSuchRoute()))
  return all
}

/** For a typed client: `hc<ApiRoutes>(…)`. */
export type ApiRoutes = ReturnType<typeof apiRoutes>

function noSuchRoute(): Response {
  const detail = 'the API has no such route; /-/docs lists them all'
  return problemResponse({ status: 404, title: 'Not Found', detail })
}
