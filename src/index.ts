import type { Hono } from 'hono'
import { createApp } from './app.ts'
import { ConfigError } from './config.ts'
import { deploymentFor } from './deployment.ts'
import { problemResponse } from './http/problem.ts'
import { rawPath } from './http/raw-path.ts'
import { log } from './log.ts'
import type { AppEnv } from './routes/context.ts'

type App = Pick<Hono<AppEnv>, 'fetch'>

/** Built once per isolate, like the deployment under it. */
const apps = new WeakMap<Env, App>()

function appFor(env: Env): App {
  let app = apps.get(env)
  if (!app) {
    app = buildApp(env)
    apps.set(env, app)
  }
  return app
}

function buildApp(env: Env): App {
  try {
    return createApp(deploymentFor(env))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    log('error', 'configuration', { detail: error.message })
    return { fetch: (request) => misconfigured(request, error) }
  }
}

/** Every route but health says what is wrong with the configuration. */
function misconfigured(request: Request, error: ConfigError): Response {
  if (rawPath(request.url).endsWith('/-/health')) return Response.json({ status: 'ok' })
  return problemResponse({ status: 500, title: 'Configuration Error', detail: error.message })
}

export default {
  fetch: (request, env, ctx) => appFor(env).fetch(request, env, ctx),
} satisfies ExportedHandler<Env>
