import { createMiddleware } from 'hono/factory'
import { type AllowedOrigins, corsHeaders } from '../http/cors.ts'
import type { AppEnv } from './context.ts'

/** Lets pages of the allowed origins read every answer, errors too. */
export function cors(allowed: AllowedOrigins) {
  return createMiddleware<AppEnv>(async (c, next) => {
    await next()
    const headers = corsHeaders(c.req.header('Origin') ?? null, allowed)
    for (const [name, value] of Object.entries(headers)) c.res.headers.append(name, value)
  })
}
