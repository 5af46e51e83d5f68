import type { Context } from 'hono'
import { cacheStatus, serverTiming } from '../http/cache-status.ts'
import { mayBeStale } from '../storage/trace.ts'
import type { Answered, AppEnv } from './context.ts'

/**
 * Adds who answered and who was asked: Cache-Status (RFC 9211) and Server-Timing. What may be out of date because an
 * earlier backend failed is for nobody to keep, whatever the object says.
 */
export function describeAnswer(c: Context<AppEnv>, response: Response, answered: Answered = {}): Response {
  const primary = c.get('deployment').chain.backends[0]?.name ?? ''
  const trace = c.get('trace')
  c.set('answered', answered)
  response.headers.set('Cache-Status', cacheStatus({ primary, ...answered }))
  if (trace.length > 0) response.headers.set('Server-Timing', serverTiming(trace))
  if (mayBeStale(trace)) {
    response.headers.set('Cache-Control', 'no-store')
    response.headers.delete('Expires')
  }
  return response
}
