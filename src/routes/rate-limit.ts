import { createMiddleware } from 'hono/factory'
import { problemResponse } from '../http/problem.ts'
import type { AppEnv } from './context.ts'

/** The binding counts over 10 or 60 s; asked to wait the shorter, a client that must wait longer is told again. */
const RETRY_AFTER_SECONDS = '10'

/** Holds each client address to the rate limiter. */
export function rateLimit(limiter: RateLimit) {
  return createMiddleware<AppEnv>(async (c, next) => {
    const { success } = await limiter.limit({ key: c.req.header('CF-Connecting-IP') ?? 'unknown' })
    if (success) return next()
    return problemResponse({
      status: 429,
      title: 'Too Many Requests',
      detail: 'this address sends more requests than the rate limit allows',
      headers: { 'Retry-After': RETRY_AFTER_SECONDS },
    })
  })
}
