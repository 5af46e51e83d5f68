import { Hono } from 'hono/tiny'
import { passedBy, runInvocation } from './storage/invocation.ts'
import { hostWarnings } from './config/config.ts'
import type { Deployment } from './deployment.ts'
import { type Problem, problemResponse } from './http/problem.ts'
import { describeError, log, stackOf } from './observe/log.ts'
import { operatorHandlers } from './routes/api/backends.ts'
import { listingHandlers } from './routes/api/listing.ts'
import { methodHandlers } from './routes/api/methods.ts'
import { type AppEnv, type Handlers, ProblemError } from './routes/context.ts'
import { docsHandlers } from './routes/docs.ts'
import { backfillHandlers } from './routes/jobs/backfills.ts'
import { verificationHandlers } from './routes/jobs/verifications.ts'
import { deleteMedia, describeAnswer, putMedia, serveMedia } from './routes/media.ts'
import { apiHeaders, cors, observe, rateLimit } from './routes/middleware.ts'
import { addRoutes, mediaFirstRouter } from './routes/router.ts'
import { StorageError } from './storage/errors.ts'

const HANDLERS: Handlers = {
  getObject: (c, { name }) => serveMedia(c, name),
  putObject: (c, { name }) => putMedia(c, name),
  deleteObject: (c, { name }) => deleteMedia(c, name),
  ...methodHandlers,
  ...listingHandlers,
  ...operatorHandlers,
  ...docsHandlers,
  ...backfillHandlers,
  ...verificationHandlers,
}

/** The whole HTTP surface of one deployment. */
export function createApp(deployment: Deployment): Hono<AppEnv> {
  const { mediaPath, corsOrigins, services } = deployment.config
  const app = new Hono<AppEnv>({ strict: true })
  app.router = mediaFirstRouter(`${mediaPath}-`)

  let warned = false
  app.use((c, next) => {
    if (!warned) warnOf(deployment, c.req.url)
    warned = true
    c.set('deployment', deployment)
    c.set('trace', [])
    return runInvocation(next, passedBy(c.req.raw.headers, deployment.id))
  })
  // Each middleware is one more promise for every hit, so what is not configured is not there.
  if (corsOrigins !== null) app.use(cors(corsOrigins))
  app.use(observe(deployment))
  if (services.rateLimiter) app.use(rateLimit(services.rateLimiter))
  app.use(`${mediaPath}-/api/*`, apiHeaders)
  addRoutes(app, mediaPath, HANDLERS)

  app.notFound(() => {
    const detail = `media are below ${mediaPath}, the API is below ${mediaPath}-/api/`
    return problemResponse({ status: 404, title: 'Not Found', detail })
  })
  app.onError((error, c) => {
    const response = problemResponse(problemOf(error), { base: mediaPath })
    return describeAnswer(c, response)
  })
  return app
}

/** Logged once in an isolate: only a request shows the host at which the Worker is reached. */
function warnOf({ config }: Deployment, requestUrl: string): void {
  for (const warning of hostWarnings(config, requestUrl)) log('warn', 'configuration', { ...warning })
}

function problemOf(error: unknown): StorageError | Problem {
  if (error instanceof ProblemError) return error.problem
  return error instanceof StorageError && error.code !== 'internal' ? error : unexpected(error)
}

/** A defect of ours: logged whole, shown without its message. */
function unexpected(error: unknown): StorageError {
  log('error', 'unexpected', { error: describeError(error), ...stackOf(error) })
  return new StorageError('internal', 'an unexpected error; the log has it')
}
