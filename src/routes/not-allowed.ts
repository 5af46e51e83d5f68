import type { Handler } from 'hono'
import { optionsResponse } from '../http/cors.ts'
import { problemResponse } from '../http/problem.ts'
import type { AppEnv } from './context.ts'

/** Answers what a path does not take: OPTIONS with what it takes, everything else with 405. */
export function notAllowed(allow: string): Handler<AppEnv> {
  return (c) => {
    if (c.req.method !== 'OPTIONS') return methodNotAllowed(allow)
    return optionsResponse(c.req.raw, c.var.deployment.config.corsOrigins, [...allow.split(', '), 'OPTIONS'])
  }
}

export function methodNotAllowed(allow: string): Response {
  const detail = `allowed here: ${allow}`
  return problemResponse({ status: 405, title: 'Method Not Allowed', detail, headers: { Allow: allow } })
}
