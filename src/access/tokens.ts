import type { Scope } from '../schemas/routes.ts'
import type { Authentication } from './identity.ts'

/** A bearer token as it is configured. */
export interface Token {
  name: string
  /** The secret itself. Never shown. */
  token: string
  scope: Scope
  /** Ends in `/`. Without it, the token is for all names. */
  prefix?: string
}

/** Ask for a bearer token (RFC 6750). */
export const CHALLENGE = 'Bearer realm="fallback-storage"'

const encoder = new TextEncoder()

/** Signs in with one of these tokens. They are hashed once, and each is compared with every token that a request sends. */
export function bearerToken(tokens: readonly Token[]): (request: Request) => Promise<Authentication> {
  let digests: Promise<ArrayBuffer[]> | undefined
  const find = async (sent: string): Promise<Token | undefined> => {
    digests ??= Promise.all(tokens.map(({ token }) => sha256(token)))
    const [digest, known] = await Promise.all([sha256(sent), digests])
    // In constant time: digests have one length, and no match ends the search.
    const same = known.map((one) => crypto.subtle.timingSafeEqual(one, digest))
    return tokens[same.indexOf(true)]
  }
  return async ({ headers }) => {
    const sent = /^bearer +([^ ]+) *$/i.exec(headers.get('Authorization') ?? '')?.[1]
    if (sent === undefined) return null
    const found = await find(sent)
    if (!found) return { refusal: WRONG_TOKEN }
    const { name, scope, prefix } = found
    return { name, scope, via: 'token', ...(prefix !== undefined && { prefix }) }
  }
}

const WRONG_TOKEN = {
  status: 401,
  title: 'Unauthorized',
  detail: 'the bearer token is not a configured one',
  headers: { 'WWW-Authenticate': `${CHALLENGE}, error="invalid_token"` },
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', encoder.encode(text))
}
