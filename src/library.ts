import { Hono } from 'hono/tiny'
import { routePath } from 'hono/route'
import { isS3On } from './app.ts'
import { deploymentFor, deploymentsBy } from './deploy.ts'
import type { Deployment } from './deployment.ts'
import { DeployedStorage } from './fallback-storage.ts'
import { problemResponse } from './http/problem.ts'
import { rawPath } from './http/raw-path.ts'
import { type Options, parseOptions } from './options.ts'
import { workerOver, type WorkerParts } from './worker.ts'

export { ConfigError } from './config/config.ts'
export {
  type DeployedStorage,
  FallbackStorage,
  type Listing,
  type ListingOptions,
  type LinkOptions,
  type OpenOptions,
  type PageOptions,
  type StoreBody,
  type StoreOptions,
} from './fallback-storage.ts'
export { JobIndex } from './jobs/job-index.ts'
export { MirrorLog } from './mirrors/log.ts'
export { TimeSeries } from './observe/time-series.ts'
export { custom, http, kv, placeholder, r2, s3 } from './options.ts'
export type {
  CustomSettings,
  HttpSettings,
  KvSettings,
  Options,
  R2Settings,
  S3Credentials,
  S3Settings,
  StorageTable,
} from './options.ts'
export { SourceChanges } from './sources/source-changes.ts'
export type {
  Backend,
  GetOptions,
  ListOptions,
  ListPage,
  MultipartUpload,
  PutCondition,
  PutOptions,
  ReadOptions,
  SendTimer,
  UploadedPart,
  UrlOptions,
} from './storage/backend.ts'
export { type ErrorCode, StorageError } from './storage/errors.ts'
export type { ByteRange, ObjectInfo, RangeRequest, StoredObject } from './storage/object.ts'

/** A Hono app, with the other handlers of a Worker, and the classes that a Worker with jobs exports. */
export interface App extends Hono<{ Bindings: object }>, Omit<WorkerParts, 'fetch'> {
  /** The same chain for the Worker's own code. */
  storage(env: object): DeployedStorage
}

/**
 * Everything that the Worker of this project answers, as a Hono app: `app.route('/media', createApp(…))`. `options` may be
 * a function of the Worker's `env`; it is called once per isolate.
 */
export function createApp<Env extends object = object>(options: Options | ((env: Env) => Options)): App {
  const optionsOf = typeof options === 'function' ? options : () => options
  return appOver(deploymentsBy((env) => parseOptions(optionsOf(env as Env), env)))
}

/** The handlers and classes of the project's own Worker: configured by variables and bindings, as in its wrangler.toml. */
export function createWorker(): WorkerParts {
  return workerOver(deploymentFor)
}

function appOver(deploymentOf: (env: object) => Deployment): App {
  const { appFor, ...worker } = workerOver(deploymentOf)
  const app = new Hono<{ Bindings: object }>()
  app.all('*', (c, next) => {
    const { fetch, config } = appFor(c.env)
    const mount = routePath(c).slice(0, -1)
    if (config && !config.mediaPath.startsWith(mount)) {
      const detail = `mediaPath: must be "${mount}", since the app is mounted there`
      return problemResponse({ status: 500, title: 'Configuration Error', detail })
    }
    const isOwn = !config || isS3On(config) || `${rawPath(c.req.url)}/`.startsWith(config.mediaPath)
    return isOwn ? fetch(c.req.raw, c.env, c.executionCtx as ExecutionContext) : next()
  })
  return Object.assign(app, worker, {
    storage: (env: object) => new DeployedStorage(() => deploymentOf(env)),
  })
}
