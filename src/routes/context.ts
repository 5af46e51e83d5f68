import type { Context } from 'hono'
import type * as v from 'valibot'
import type { Identity } from '../access/identity.ts'
import type { Deployment } from '../deployment.ts'
import type { Problem } from '../http/problem.ts'
import type { Answers } from '../schemas/answers.ts'
import type { RouteId, ROUTES } from '../schemas/routes.ts'
import type { Trace } from '../storage/trace.ts'

/** How a request was answered: by which backend, and whether a copy of the object was started or queued. */
export interface Answered {
  /** Absent if no backend had the object. */
  backend?: string | undefined
  stored?: boolean
  /** Seconds for which the edge cache, which answered, may still do so. */
  edgeTtl?: number | undefined
  /** Of the object, those that a GET sends, if it succeeds. */
  bytes?: number | undefined
}

/** What Hono's context contains for every route. */
export interface AppEnv {
  Variables: {
    deployment: Deployment
    /** The backends that were tried for this request, in order. */
    trace: Trace
    /** The object that the request is about. */
    name?: string
    /** Set for media and the S3 API; otherwise it is the JSON API. */
    route?: 'media' | 's3'
    /** Whether a client reads one object: only that is counted over time. */
    isRead?: true
    /** The operation of the S3 API. */
    operation?: string
    answered?: Answered
    /** Whose request it is. Absent for routes that anyone may use, unless the route identifies who signs in. */
    identity?: Identity
  }
}

/** A failure that does not come from storage: thrown by a handler, rendered by the app. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

type Table = typeof ROUTES
type Parameters<Path> = Path extends `${string}{${infer Name}}${string}` ? Record<Name, string> : unknown
type Query<Route> = Route extends { query: infer Schema extends v.GenericSchema }
  ? { query: v.InferOutput<Schema> }
  : unknown
/** Undefined if the body has one of the route's own types. */
type Body<Route> = Route extends { body: infer Schema extends v.GenericSchema }
  ? { body: v.InferOutput<Schema> | (Route extends { types: unknown } ? undefined : never) }
  : unknown

/** The input of a route's handler: the decoded parameters of the path, and the query and body as parsed by their schemas. */
export type Input<Id extends RouteId> = Parameters<Table[Id]['path']> & Query<Table[Id]> & Body<Table[Id]>

type Answer<Id extends RouteId> = Id extends keyof Answers ? Answers[Id] | Response : Response

/** A route's handler. Its result is sent as JSON unless it is a Response. */
export type Handler<Id extends RouteId> = (
  c: Context<AppEnv>,
  input: Input<Id>,
) => Answer<Id> | Promise<Answer<Id>>

export type Handlers = { [Id in RouteId]: Handler<Id> }
