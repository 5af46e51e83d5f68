import { Hono } from 'hono/tiny'
import type { Context } from 'hono'
import { passedBy, runInvocation } from './backends/invocation.ts'
import { hostWarnings } from './config/config.ts'
import type { Deployment } from './deployment.ts'
import { optionsResponse } from './http/cors.ts'
import { problemResponse } from './http/problem.ts'
import { rawPath } from './http/raw-path.ts'
import { describeError, log, stackOf } from './observe/log.ts'
import { type Observed, prometheusText } from './observe/prometheus.ts'
import { apiRoutes } from './routes/api/api.ts'
import { requireToken } from './routes/auth.ts'
import type { AppEnv } from './routes/context.ts'
import { cors } from './routes/cors.ts'
import { describeAnswer } from './routes/describe-answer.ts'
import { observe } from './routes/observe.ts'
import { rateLimit } from './routes/rate-limit.ts'
import { mediaFirstRouter } from './routes/router.ts'
import { methodNotAllowed } from './routes/not-allowed.ts'
import { deleteMedia, putMedia, serveMedia } from './routes/media.ts'
import { StorageError } from './storage/errors.ts'
import { parseName } from './storage/name.ts'

const MEDIA_METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']

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
  // Each middleware is one promise more on the way of every hit: what is not configured is not there.
  if (corsOrigins !== null) app.use(cors(corsOrigins))
  app.use(observe(deployment))
  if (services.rateLimiter) app.use(rateLimit(services.rateLimiter))
  app.get(`${mediaPath}-/health`, (c) => c.json({ status: 'ok' }))
  app.get(`${mediaPath}-/metrics`, requireToken, (c) => c.text(prometheusText(observed(deployment))))
  app.route(`${mediaPath}-/`, apiRoutes())
  app.all(`${mediaPath}-/*`, (c) => c.notFound())
  app.options(`${mediaPath}*`, (c) => optionsResponse(c.req.raw, corsOrigins, MEDIA_METHODS))
  app.get(`${mediaPath}*`, (c) => serveMedia(c, mediaName(c, mediaPath)))
  app.put(`${mediaPath}*`, requireToken, (c) => putMedia(c, mediaName(c, mediaPath)))
  app.delete(`${mediaPath}*`, requireToken, (c) => deleteMedia(c, mediaName(c, mediaPath)))
  app.all(`${mediaPath}*`, () => methodNotAllowed(MEDIA_METHODS.join(', ')))

  app.notFound(() => {
    const detail = `media are below ${mediaPath}, the API is below ${mediaPath}-/api/`
    return problemResponse({ status: 404, title: 'Not Found', detail })
  })
  app.onError((error, c) => {
    const isFailure = error instanceof StorageError && error.code !== 'internal'
    const response = problemResponse(isFailure ? error : unexpected(error), { base: mediaPath })
    return describeAnswer(c, response)
  })
  return app
}

/** The name in a media request's URL. Hono's own path and params are ambiguous for names. */
function mediaName(c: Context<AppEnv>, mediaPath: string): string {
  const name = parseName(rawPath(c.req.url).slice(mediaPath.length))
  c.set('name', name)
  c.set('route', 'media')
  return name
}

/** Said once in an isolate: only a request shows at which host the Worker is asked. */
function warnOf({ config }: Deployment, requestUrl: string): void {
  for (const warning of hostWarnings(config, requestUrl)) log('warn', 'configuration', { ...warning })
}

function observed({ requests, migration, health }: Deployment): Observed {
  return { requests, copies: migration.counts, health }
}

/** A defect of ours: logged whole, shown without its message. */
function unexpected(error: unknown): StorageError {
  log('error', 'unexpected', { error: describeError(error), ...stackOf(error) })
  return new StorageError('internal', 'an unexpected error; the log has it')
}
