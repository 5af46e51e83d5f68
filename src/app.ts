import { waitUntil } from 'cloudflare:workers'
import type { Context } from 'hono'
import { Hono } from 'hono/tiny'
import { createAuthorization } from './access/authorize.ts'
import type { AccessHooks } from './access/cloudflare-access.ts'
import { passedBy, runInvocation } from './storage/invocation.ts'
import { type Config, hostWarnings } from './config/config.ts'
import type { Deployment } from './deployment.ts'
import { isNavigation } from './http/navigation.ts'
import { type Problem, problemResponse } from './http/problem.ts'
import { rawPath } from './http/raw-path.ts'
import { describeError, log, stackOf } from './observe/log.ts'
import { operatorHandlers } from './routes/api/backends.ts'
import { sourceHandlers } from './routes/api/sources.ts'
import { listingHandlers } from './routes/api/listing.ts'
import { methodHandlers } from './routes/api/methods.ts'
import { migrate } from './routes/api/migrate.ts'
import { mirrorHandlers } from './routes/api/mirrors.ts'
import { preview } from './routes/api/preview.ts'
import { priorVersionHandlers } from './routes/api/prior-versions.ts'
import { seriesHandlers } from './routes/api/series.ts'
import { sessionHandlers } from './routes/api/session.ts'
import { type AppEnv, type Handlers, ProblemError } from './routes/context.ts'
import { dashboardHandlers } from './routes/dashboard.ts'
import { docsHandlers } from './routes/docs.ts'
import { backfillHandlers } from './routes/jobs/backfills.ts'
import { verificationHandlers } from './routes/jobs/verifications.ts'
import { deleteMedia, putMedia, serveMedia } from './routes/media.ts'
import { createHeaders, createRecorder, rateLimit } from './routes/middleware.ts'
import { edgeCacheHandlers, withPurges } from './routes/edge-cache.ts'
import { isProblem, problemPage } from './routes/problem-page.ts'
import { addRoutes, mediaFirstRouter, S3_PATH } from './routes/router.ts'
import { createEntrance } from './routes/s3/entrance.ts'
import { s3Failure } from './routes/s3/failure.ts'
import { handleS3 } from './routes/s3/handle.ts'
import { StorageError } from './storage/errors.ts'

const HANDLERS: Handlers = {
  getObject: serveMedia,
  putObject: putMedia,
  deleteObject: deleteMedia,
  ...methodHandlers,
  preview,
  migrate,
  ...listingHandlers,
  ...priorVersionHandlers,
  ...operatorHandlers,
  ...mirrorHandlers,
  ...seriesHandlers,
  ...sourceHandlers,
  ...sessionHandlers,
  ...edgeCacheHandlers,
  ...dashboardHandlers,
  ...docsHandlers,
  ...backfillHandlers,
  ...verificationHandlers,
}

const ACCESS_HOOKS: AccessHooks = {
  keepAlive: waitUntil,
  onFailure: (error) => log('error', 'cloudflare access', { reason: describeError(error) }),
}

/** On the hostname of S3 clients nothing else answers, even if they have no keys. */
export function isS3On({ s3Bucket, s3Host, s3Keys }: Config): boolean {
  return s3Host !== undefined || (s3Bucket !== undefined && s3Keys.length > 0)
}

/** The whole HTTP surface of one deployment. */
export function createApp(deployment: Deployment): Hono<AppEnv> {
  const { config } = deployment
  const { mediaPath, services } = config
  const hasS3 = isS3On(config)
  // Hono would decode the path, and rules in front of the Worker for `/-/*` would not apply to `/%2D/…`.
  const findEntrance = createEntrance(config)
  const app = new Hono<AppEnv>({
    getPath: (request) => (hasS3 && findEntrance(request.url) ? S3_PATH : rawPath(request.url)),
  })
  app.router = mediaFirstRouter(`${mediaPath}-`)

  const addHeaders = createHeaders(config)
  const record = createRecorder(deployment)
  let warned = false
  app.use(async (c, next) => {
    const started = performance.now()
    c.set('deployment', deployment)
    c.set('trace', [])
    try {
      // Cloudflare checks the Host header; other servers in front of the Worker may not.
      if (!URL.canParse(c.req.url)) throw new StorageError('invalid', 'the Host header is invalid')
      // Only a request shows the Worker's host.
      if (!warned)
        for (const warning of hostWarnings(config, c.req.url)) log('warn', 'configuration', { ...warning })
      warned = true
      await runInvocation(next, passedBy(c.req.raw.headers, deployment.id))
    } catch (error) {
      c.res = failureOf(error, c)
    }
    if (isProblem(c.res) && isNavigation(c.req.raw)) {
      const page = await problemPage(c.res, c.req.path === mediaPath)
      // Hono would keep the old headers.
      c.res = undefined
      c.res = page
    }
    addHeaders(c)
    record(c, performance.now() - started)
  })
  // Each middleware costs every hit a promise, so only a configured one is added.
  if (services.rateLimiter) app.use(rateLimit(services.rateLimiter))
  app.all(S3_PATH, (c) => handleS3(c, findEntrance))
  addRoutes(app, deployment.edgeCaching ? withPurges(HANDLERS) : HANDLERS, {
    mediaPath,
    authorizeFor: createAuthorization(config, ACCESS_HOOKS),
  })

  app.notFound(() => {
    const detail = `media are below ${mediaPath}, the API is below ${mediaPath}-/api/`
    return problemResponse({ status: 404, title: 'Not Found', detail })
  })
  app.onError(failureOf)
  return app
}

/** The response to a request that failed. */
function failureOf(error: unknown, c: Context<AppEnv>): Response {
  const problem = problemOf(error)
  if (c.req.path === S3_PATH) {
    // What fails before its handler has no route yet.
    c.set('route', 's3')
    if (problem instanceof StorageError) return s3Failure(c, problem)
  }
  return problemResponse(problem, { base: c.get('deployment').config.mediaPath })
}

function problemOf(error: unknown): StorageError | Problem {
  if (error instanceof ProblemError) return error.problem
  if (error instanceof StorageError && error.code !== 'internal') return error
  // A bug in this software: its message is for the log only.
  log('error', 'unexpected', { error: describeError(error), ...stackOf(error) })
  return new StorageError('internal', 'an unexpected error; the log has it')
}
