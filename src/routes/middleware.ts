import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { Config } from '../config/config.ts'
import type { Deployment } from '../deployment.ts'
import { corsHeaders } from '../http/cors.ts'
import { problemResponse } from '../http/problem.ts'
import { createLogSample, describeError, log } from '../observe/log.ts'
import type { RequestEvent } from '../observe/counts.ts'
import type { Attempt } from '../storage/trace.ts'
import type { Answered, AppEnv } from './context.ts'
import { describeAnswer } from './media.ts'
import { isBelow, S3_PATH } from './router.ts'

/** The rate limiter counts over 10 or 60 s: a client that comes back too early is refused again. */
const RETRY_AFTER_SECONDS = '10'

/** Applies the rate limiter to each client's network. */
export function rateLimit(limiter: RateLimit) {
  return createMiddleware<AppEnv>(async (c, next) => {
    // What S3 clients send is signed, and many of them share an address.
    if (c.req.path === S3_PATH) return next()
    try {
      const { success } = await limiter.limit({
        key: networkOf(c.req.header('CF-Connecting-IP') ?? 'unknown'),
      })
      if (success) return next()
    } catch (error) {
      // Without its limiter, the site had better be up.
      log('error', 'rate limiter', { reason: describeError(error) })
      return next()
    }
    return problemResponse({
      status: 429,
      title: 'Too Many Requests',
      detail: 'this address sends more requests than the rate limit allows',
      headers: { 'Retry-After': RETRY_AFTER_SECONDS },
    })
  })
}

/** An IPv4 address, also one that is written as IPv6, or the /64 of an IPv6 address: a client has all of it. */
function networkOf(address: string): string {
  if (/^::|\./.test(address)) return address
  const [start = [], end = []] = address.split('::').map((groups) => groups.split(':'))
  // Eight groups; those that `::` leaves out are zeros.
  return [0, 1, 2, 3].map((index) => start[index] ?? (end[end.length - 8 + index] || '0')).join(':')
}

/** Adds the headers that every response has, errors and refusals included. */
export function createHeaders({ corsOrigins, mediaPath }: Config) {
  const isMedia = (path: string): boolean => path.startsWith(mediaPath) && !isBelow(`${mediaPath}-`, path)
  return (c: Context<AppEnv>): void => {
    const { path } = c.req
    const { headers } = c.res
    headers.set('X-Content-Type-Options', 'nosniff')
    if (path !== S3_PATH) {
      const isAnswered = c.get('answered') !== undefined
      if (!isAnswered && (isMedia(path) || c.get('trace').length > 0)) describeAnswer(c, c.res)
      // What was answered with an object says how long it may be kept.
      if (!isAnswered && !headers.has('Cache-Control')) headers.set('Cache-Control', 'no-store')
    }
    if (corsOrigins === null) return
    for (const [name, value] of Object.entries(corsHeaders(c.req.header('Origin') ?? null, corsOrigins)))
      headers.append(name, value)
  }
}

/**
 * Counts a request once its headers are known, writes a data point if Analytics Engine is bound, and logs one line for every
 * write and every failure, and for the configured number of reads per second and outcome. `duration` is in milliseconds.
 */
export function createRecorder({ config, requests, chain, series }: Deployment) {
  const { analytics } = config.services
  const sample = createLogSample(config.logReadsPerSecond)
  const primary = chain.backends[0]?.name
  return (c: Context<AppEnv>, duration: number): void => {
    const event = eventOf(c, { primary, duration })
    requests.add(event)
    if (series && c.get('isRead')) series.tally.addRead(event)
    const unlogged = isRead(event) ? sample.take(event.outcome) : 0
    if (unlogged !== null) logRequest(event, unlogged)
    analytics?.writeDataPoint({
      indexes: [event.backend ?? 'none'],
      blobs: [
        event.route,
        event.method,
        event.outcome,
        event.backend ?? '',
        `${event.status}`,
        event.stored ? 'stored' : '',
      ],
      doubles: [event.duration, event.bytes ?? 0, event.attempts.length],
    })
  }
}

/** A log line takes longer than the rest of a hit, so only writes and failures are always logged. */
function isRead({ method, outcome }: RequestEvent): boolean {
  return outcome !== 'failed' && (method === 'GET' || method === 'HEAD')
}

function logRequest(event: RequestEvent, unlogged: number): void {
  const attempts = event.attempts.map(describeAttempt)
  const level = event.status >= 500 ? 'error' : 'info'
  log(level, 'request', { ...event, attempts, ...(unlogged > 0 && { unlogged }) })
}

// Hono's `c.var` copies all variables every time; `get` does not.
function eventOf(
  c: Context<AppEnv>,
  { primary, duration }: { primary: string | undefined; duration: number },
): RequestEvent {
  const { status } = c.res
  const answered = c.get('answered')
  // Always of the same shape, since every hit has one.
  return {
    method: c.req.method,
    name: c.get('name'),
    route: c.get('route') ?? 'api',
    operation: c.get('operation'),
    by: c.get('identity')?.name,
    status,
    outcome: outcomeOf(status, answered, primary),
    backend: answered?.backend,
    attempts: c.get('trace'),
    bytes: status < 300 ? answered?.bytes : undefined,
    stored: answered?.stored ?? false,
    duration: Math.round(duration * 10) / 10,
  }
}

function outcomeOf(
  status: number,
  answered: Answered | undefined,
  primary: string | undefined,
): RequestEvent['outcome'] {
  if (status >= 500) return 'failed'
  if (status === 404) return 'absent'
  if (status >= 400) return 'refused'
  if (answered?.backend === undefined) return 'done'
  if (answered.edgeTtl !== undefined) return 'edge'
  return answered.backend === primary ? 'hit' : 'fallback'
}

function describeAttempt({ backend, outcome, detail, failure, speculative }: Attempt): string {
  const what = `${backend}=${speculative && outcome !== 'cancelled' ? 'speculative ' : ''}${outcome}`
  if (detail === undefined) return what
  const cause = failure?.cause === undefined ? '' : ` ← ${describeError(failure.cause)}`
  return `${what} (${detail}${cause})`
}
