import type { Deployment } from '../deployment.ts'
import type { Trace } from '../storage/trace.ts'

/** Who answered a request, and whether a copy of it was begun or queued. */
export interface Answered {
  /** Name of the backend; absent when nobody had the object. */
  backend?: string
  stored?: boolean
}

/** What every route finds in Hono's context. */
export interface AppEnv {
  Bindings: Env
  Variables: {
    deployment: Deployment
    /** Who was asked for this request, in order. */
    trace: Trace
    /** The object that the request is about. */
    name?: string
    /** Set for media; else it is the API. */
    route?: 'media'
    answered?: Answered
    /** Set where a route that needs no token was called with the right one. */
    authorized?: true
  }
}
