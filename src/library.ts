import { Hono } from 'hono/tiny'
import { type Deployment, deploymentFor } from './deployment.ts'
import { createWorker, type WorkerParts } from './worker.ts'

export { JobIndex } from './jobs/job-index.ts'
export { MirrorLog } from './mirrors/log.ts'
export { TimeSeries } from './observe/time-series.ts'
export { SourceChanges } from './sources/source-changes.ts'

/** A Hono app with the handlers of queues and cron triggers, and the classes that a Worker with jobs exports. */
export type App = Hono<{ Bindings: object }> & WorkerParts

/** The app that the variables and bindings of `env` configure, as those of wrangler.toml do. */
export function createAppFromVariables(): App {
  return appOver(deploymentFor)
}

function appOver(deploymentOf: (env: object) => Deployment): App {
  const worker = createWorker(deploymentOf)
  const app = new Hono<{ Bindings: object }>()
  app.all('*', (c) => worker.fetch(c.req.raw, c.env, c.executionCtx as ExecutionContext))
  // By itself, it needs no other router.
  return Object.assign(app, worker)
}
