import type { Context } from 'hono'
import { problemResponse } from '../http/problem.ts'
import type { Route } from '../schemas/routes.ts'
import type { AppEnv } from './context.ts'

const CHALLENGE = 'Bearer realm="fallback-storage"'

/**
 * Checks the bearer token (RFC 6750), which has every scope: `null` if the request is allowed, else the response that
 * refuses it. If a token only raises a limit, a request without one is allowed, but one with a wrong token is not.
 */
export async function refuse(
  c: Context<AppEnv>,
  access: Exclude<Route['access'], 'public'>,
): Promise<Response | null> {
  const { apiToken } = c.var.deployment.config
  const token = /^bearer +([^ ]+) *$/i.exec(c.req.header('Authorization') ?? '')?.[1]
  if (token === undefined && access === 'more-with-token') return null
  if (apiToken === undefined) {
    return problemResponse({
      status: 403,
      title: 'Forbidden',
      detail:
        'this route needs a token, and none is configured; set one with: npx wrangler secret put API_TOKEN (in development: a line in .dev.vars)',
    })
  }
  if (token !== undefined && (await isSame(token, apiToken))) {
    c.set('authorized', true)
    return null
  }
  const [detail, challenge] =
    token === undefined
      ? ['this route needs a bearer token', CHALLENGE]
      : ['the bearer token is not the configured one', `${CHALLENGE}, error="invalid_token"`]
  const headers = { 'WWW-Authenticate': challenge }
  return problemResponse({ status: 401, title: 'Unauthorized', detail, headers })
}

/** In constant time, regardless of the lengths, because only digests are compared. */
async function isSame(a: string, b: string): Promise<boolean> {
  const [left, right] = await Promise.all([sha256(a), sha256(b)])
  return crypto.subtle.timingSafeEqual(left, right)
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
}
