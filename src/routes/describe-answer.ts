import type { Context } from 'hono'
import { cacheStatus, serverTiming } from '../http/cache-status.ts'
import type { Answered, AppEnv } from './context.ts'

/** Adds who answered and who was asked: Cache-Status (RFC 9211) and Server-Timing. */
export function describeAnswer(c: Context<AppEnv>, response: Response, answered: Answered = {}): Response {
  const primary = c.get('deployment').chain.backends[0]?.name ?? ''
  const trace = c.get('trace')
  c.set('answered', answered)
  response.headers.set('Cache-Status', cacheStatus({ primary, ...answered }))
  if (trace.length > 0) response.headers.set('Server-Timing', serverTiming(trace))
  return response
}
