import type { Problem } from '../http/problem.ts'
import type { Authentication } from './identity.ts'
import { invalidToken } from './refusals.ts'
import { tokenFinder } from './tokens.ts'

const name = 'EVENTS_SECRET'

/** Signs in with the secret in the URL, for senders of events that can set no header. */
export function urlSecret(secret: string | undefined): (request: Request) => Promise<Authentication> {
  const scope = 'admin'
  const find = tokenFinder(secret === undefined ? [] : [{ name, token: secret, scope }])
  return async ({ url }) => {
    const sent = new URL(url).searchParams.get('secret')
    if (sent === null) return null
    if (secret === undefined) return { refusal: NOT_CONFIGURED }
    return (await find(sent)) ? { name, scope, via: 'token' } : { refusal: WRONG_SECRET }
  }
}

const NOT_CONFIGURED: Problem = {
  status: 403,
  title: 'No secret is configured',
  detail: `a secret in the URL is only accepted if ${name} is configured; set it with: npx wrangler secret put ${name}, or send a bearer token`,
}

const WRONG_SECRET = invalidToken('the secret in the URL is wrong')
