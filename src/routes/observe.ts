import { createMiddleware } from 'hono/factory'
import { log } from '../observe/log.ts'
import type { RequestEvent } from '../observe/request-counts.ts'
import type { AppEnv } from './context.ts'

/** Counts and logs every request once its headers are known: one line each, and one data point where Analytics Engine is bound. */
export const observe = createMiddleware<AppEnv>(async (c, next) => {
  const started = performance.now()
  await next()
  const { config, requests } = c.var.deployment
  const event = eventOf(c.req.method, c.var, c.res, performance.now() - started)
  requests.add(event)
  const { attempts, ...fields } = event
  const level = event.status >= 500 ? 'error' : 'info'
  log(level, 'request', {
    ...fields,
    attempts: attempts.map(({ backend, outcome }) => `${backend}=${outcome}`),
  })
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

function eventOf(
  method: string,
  vars: AppEnv['Variables'],
  response: Response,
  duration: number,
): RequestEvent {
  const { deployment, trace, name, answered, route = 'api' } = vars
  const { status } = response
  const backend = answered?.backend
  const length = response.headers.get('Content-Length')
  return {
    method,
    ...(name !== undefined && { name }),
    route,
    status,
    outcome: outcomeOf(status, backend, deployment.chain.backends[0]?.name),
    ...(backend !== undefined && { backend }),
    attempts: trace,
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
