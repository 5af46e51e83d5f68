import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { problemResponse } from '../http/problem.ts'
import type { AppEnv } from './context.ts'

const CHALLENGE = 'Bearer realm="fallback-storage"'

/** Lets only requests with the deployment's bearer token through (RFC 6750). */
export const requireToken = createMiddleware<AppEnv>(async (c, next) => (await refusal(c)) ?? next())

/** Lets everybody through but requests with a wrong token, and tells those with the right one apart: `c.var.authorized`. */
export const allowToken = createMiddleware<AppEnv>(async (c, next) => {
  if (bearerToken(c) === undefined) return next()
  const refused = await refusal(c)
  if (refused) return refused
  c.set('authorized', true)
  return next()
})

async function refusal(c: Context<AppEnv>): Promise<Response | null> {
  const { apiToken } = c.var.deployment.config
  if (apiToken === undefined) {
    return problemResponse({
      status: 403,
      title: 'Forbidden',
      detail:
        'this route needs a token, and none is configured; set one with: npx wrangler secret put API_TOKEN (in development: a line in .dev.vars)',
    })
  }
  const token = bearerToken(c)
  if (token === undefined) return unauthorized('this route needs a bearer token', CHALLENGE)
  if (!(await isSame(token, apiToken))) {
    return unauthorized('the bearer token is not the configured one', `${CHALLENGE}, error="invalid_token"`)
  }
  return null
}

function bearerToken(c: Context<AppEnv>): string | undefined {
  return /^bearer +([^ ]+) *$/i.exec(c.req.header('Authorization') ?? '')?.[1]
}

/** In constant time, also for another length: only digests of one length are compared. */
async function isSame(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([sha256(a), sha256(b)])
  return crypto.subtle.timingSafeEqual(left, right)
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
}

function unauthorized(detail: string, challenge: string): Response {
  const headers = { 'WWW-Authenticate': challenge }
  return problemResponse({ status: 401, title: 'Unauthorized', detail, headers })
}
