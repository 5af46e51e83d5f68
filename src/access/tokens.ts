import type { Scope } from '../schemas/routes.ts'
import { sha256 } from '../storage/sha256.ts'
import type { Authentication } from './identity.ts'
import { invalidToken } from './refusals.ts'

/** A bearer token as it is configured. */
export interface Token {
  name: string
  /** The secret itself. Never shown. */
  token: string
  scope: Scope
  /** Ends in `/`. Without it, the token is for all names. */
  prefix?: string
}

/** Finds the token that was sent. All are hashed once, and each is compared with every token that a request sends. */
export function tokenFinder(tokens: readonly Token[]): (sent: string) => Promise<Token | undefined> {
  let digests: Promise<Uint8Array<ArrayBuffer>[]> | undefined
  return async (sent) => {
    digests ??= Promise.all(tokens.map(({ token }) => sha256(token)))
    const [digest, known] = await Promise.all([sha256(sent), digests])
    // In constant time: digests have one length, and no match ends the search.
    const same = known.map((one) => crypto.subtle.timingSafeEqual(one, digest))
    return tokens[same.indexOf(true)]
  }
}

/** Signs in with one of these tokens. */
export function bearerToken(tokens: readonly Token[]): (request: Request) => Promise<Authentication> {
  const find = tokenFinder(tokens)
  return async ({ headers }) => {
    const sent = /^bearer +([^ ]+) *$/i.exec(headers.get('Authorization') ?? '')?.[1]
    if (sent === undefined) return null
    const found = await find(sent)
    if (!found) return { refusal: WRONG_TOKEN }
    const { token: _, ...identity } = found
    return { ...identity, via: 'token' }
  }
}

/** The answer to a token that is not configured. */
export const WRONG_TOKEN = invalidToken('the bearer token is invalid')
