import type { Context } from 'hono'
import { cacheStatus, serverTiming } from '../http/cache-status.ts'
import type { AppEnv } from './context.ts'

/** Adds who answered and who was asked: Cache-Status (RFC 9211) and Server-Timing. `backend` is absent when nobody had it. */
export function describeAnswer(
  c: Context<AppEnv>,
  response: Response,
  backend?: string,
  stored = false,
): Response {
  const { chain } = c.var.deployment
  const primary = chain.backends[0]?.name ?? ''
  response.headers.set(
    'Cache-Status',
    cacheStatus({ primary, stored, ...(backend !== undefined && { backend }) }),
  )
  response.headers.set('Server-Timing', serverTiming(c.var.trace))
  return response
}
