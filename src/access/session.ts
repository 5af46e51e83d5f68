import { SESSION_COOKIE } from '../schemas/routes.ts'
import { toBase64url } from '../storage/hmac.ts'
import { deriveKey } from './derive-key.ts'
import type { Authentication } from './identity.ts'
import type { Token } from './tokens.ts'

export const SESSION_SECONDS = 12 * 60 * 60

const encoder = new TextEncoder()

/** The value of a cookie that stands for the token until `expires` (Unix seconds): `EXPIRES.NAME.HMAC`. */
export async function sealSession({ name, token }: Token, expires: number | string): Promise<string> {
  const content = `${expires}.${toBase64url(name)}`
  return `${content}.${await deriveKey([token], `session ${content}`)}`
}

/**
 * Signs in with a session's cookie, as the token by which it was opened is configured now. One that has expired, was
 * changed, or whose token was replaced or removed signs nobody in, but prevents no other way to sign in.
 */
export function sessionCookie(tokens: readonly Token[]): (request: Request) => Promise<Authentication> {
  return async ({ headers }) => {
    // Another site of the same domain can set a cookie of this name too, so all are tried.
    for (const value of cookies(headers.get('Cookie') ?? '')) {
      const [expires = '', name] = value.split('.')
      const token = tokens.find((one) => toBase64url(one.name) === name)
      if (!token || Number(expires) <= Date.now() / 1000) continue
      if (!isSame(value, await sealSession(token, expires))) continue
      const { token: _, ...identity } = token
      return { ...identity, via: 'session', expires: Number(expires) }
    }
    return null
  }
}

function cookies(header: string): string[] {
  const start = `${SESSION_COOKIE}=`
  const pairs = header.split(';').map((pair) => pair.trim())
  return pairs.filter((pair) => pair.startsWith(start)).map((pair) => pair.slice(start.length))
}

/** In constant time for values of one length. */
function isSame(a: string, b: string): boolean {
  const [left, right] = [encoder.encode(a), encoder.encode(b)]
  return left.length === right.length && crypto.subtle.timingSafeEqual(left, right)
}
