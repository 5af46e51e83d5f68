import type { Problem } from '../http/problem.ts'

/** Asks for a bearer token (RFC 6750). */
export const CHALLENGE = 'Bearer realm="fallback-storage"'

/** The answer to a token that is not accepted. */
export function invalidToken(detail: string): Problem {
  const headers = { 'WWW-Authenticate': `${CHALLENGE}, error="invalid_token"` }
  return { status: 401, title: 'Unauthorized', detail, headers }
}
