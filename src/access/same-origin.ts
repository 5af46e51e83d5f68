import type { Problem } from '../http/problem.ts'
import type { Identity } from './identity.ts'

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Refuses a change that a page of another origin may have caused: browsers add the credentials of a session and of
 * Cloudflare Access by themselves, whoever wrote the page.
 */
export function refuseCrossOrigin({ via }: Identity, request: Request): Problem | null {
  const isAutomatic = via === 'session' || via === 'access'
  if (!isAutomatic || SAFE_METHODS.has(request.method) || isSameOrigin(request)) return null
  return CROSS_ORIGIN
}

/** Whether a page of the request's own origin sent it; `undefined` if nothing says so, as without a browser. */
export function isSameOrigin({ headers, url }: Request): boolean | undefined {
  const site = headers.get('Sec-Fetch-Site')
  if (site !== null) return site === 'same-origin'
  const origin = headers.get('Origin')
  return origin === null ? undefined : origin === new URL(url).origin
}

export const CROSS_ORIGIN: Problem = {
  status: 403,
  title: 'Forbidden',
  detail:
    'a change by session cookie or Cloudflare Access must come from a page of this origin: send "Sec-Fetch-Site: same-origin" or, without that header, an Origin equal to the request\'s; or send a bearer token',
}
