import type { Deployment } from '../deployment.ts'
import type { Answered } from './describe-answer.ts'
import type { Trace } from '../storage/trace.ts'

/** What every route finds in Hono's context. */
export interface AppEnv {
  Bindings: Env
  Variables: {
    deployment: Deployment
    /** Who was asked for this request, in order. */
    trace: Trace
    /** The object that a media request is about. */
    name?: string
    answered?: Answered
  }
}
