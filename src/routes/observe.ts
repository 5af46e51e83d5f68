import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { log } from '../observe/log.ts'
import type { RequestEvent } from '../observe/request-counts.ts'
import type { Attempt } from '../storage/trace.ts'
import type { AppEnv } from './context.ts'

/** Counts and logs every request once its headers are known: one line each, and one data point where Analytics Engine is bound. */
export const observe = createMiddleware<AppEnv>(async (c, next) => {
  const started = performance.now()
  await next()
  const { config, requests } = c.get('deployment')
  const event = eventOf(c, performance.now() - started)
  requests.add(event)
  const attempts = event.attempts.map(describeAttempt)
  log(event.status >= 500 ? 'error' : 'info', 'request', { ...event, attempts })
  config.services.analytics?.writeDataPoint({
    indexes: [event.backend ?? 'none'],
    blobs: [
      event.route,
      event.method,
      event.outcome,
      event.backend ?? '',
      `${event.status}`,
      event.stored ? 'stored' : '',
    ],
    doubles: [event.duration, event.bytes ?? 0, attempts.length],
  })
})

// Hono's `c.var` copies all variables each time; `get` does not.
function eventOf(c: Context<AppEnv>, duration: number): RequestEvent {
  const { status, headers } = c.res
  const name = c.get('name')
  const answered = c.get('answered')
  const backend = answered?.backend
  const length = headers.get('Content-Length')
  return {
    method: c.req.method,
    ...(name !== undefined && { name }),
    route: c.get('route') ?? 'api',
    status,
    outcome: outcomeOf(status, backend, c.get('deployment').chain.backends[0]?.name),
    ...(backend !== undefined && { backend }),
    attempts: c.get('trace'),
    ...(length !== null && { bytes: Number(length) }),
    stored: answered?.stored ?? false,
    duration: Math.round(duration * 10) / 10,
  }
}

function outcomeOf(
  status: number,
  backend: string | undefined,
  primary: string | undefined,
): RequestEvent['outcome'] {
  if (status >= 500) return 'failed'
  if (status === 404) return 'absent'
  if (status >= 400) return 'refused'
  if (backend === undefined) return 'done'
  return backend === primary ? 'hit' : 'fallback'
}

function describeAttempt({ backend, outcome, detail }: Attempt): string {
  return detail === undefined ? `${backend}=${outcome}` : `${backend}=${outcome} (${detail})`
}
