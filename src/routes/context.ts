import type { Deployment } from '../deployment.ts'
import type { Trace } from '../storage/trace.ts'

/** What every route finds in Hono's context. */
export interface AppEnv {
  Bindings: Env
  Variables: {
    deployment: Deployment
    /** Who was asked for this request, in order. */
    trace: Trace
  }
}
