import type { Handler } from 'hono'
import { problemResponse } from '../http/problem.ts'
import type { AppEnv } from './context.ts'

/** Answers what a path does not take with 405; a preflight goes on to whoever answers those. */
export function notAllowed(allow: string): Handler<AppEnv> {
  return (c, next) => (c.req.method === 'OPTIONS' ? next() : methodNotAllowed(allow))
}

export function methodNotAllowed(allow: string): Response {
  const detail = `allowed here: ${allow}`
  return problemResponse({ status: 405, title: 'Method Not Allowed', detail, headers: { Allow: allow } })
}
