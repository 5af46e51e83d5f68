import { jwtVerify } from 'jose'
import { JOSEError } from 'jose/errors'
import type { Problem } from '../http/problem.ts'
import type { Authentication } from './identity.ts'
import { remoteKeys } from './jwks.ts'
import { invalidToken } from './refusals.ts'

/** How Cloudflare Access is configured. */
export interface AccessApplication {
  audience: string
  /** `https://TEAM.cloudflareaccess.com`. Without it, only the runtime's own word counts. */
  issuer?: string | undefined
}

/** What the runtime knows of a request that Cloudflare Access let in: `ctx.access`, where it has that. */
export interface AccessContext {
  readonly aud: string
  getIdentity(): Promise<Claims | undefined>
}

export interface AccessHooks {
  /** Lets work continue after its client has left (`waitUntil`). */
  keepAlive: (work: Promise<unknown>) => void
  /** Called if it cannot be determined whose request it is. */
  onFailure: (error: unknown) => void
}

/** What Access says of a person or a service token. */
type Claims = Readonly<Record<string, unknown>>

const CLOCK_SKEW_SECONDS = 60

const OTHER_APPLICATION = invalidToken(
  'Cloudflare Access let the request in to an application that is not that of ACCESS_AUDIENCE',
)

const UNAVAILABLE: Problem = {
  status: 503,
  title: 'Service Unavailable',
  detail: 'Cloudflare Access cannot be reached to check who sends this request; the log says why',
  headers: { 'Retry-After': '5' },
}

/** Signs in whoever Cloudflare Access let in, with the scope `admin`. */
export function cloudflareAccess({ audience, issuer }: AccessApplication, hooks: AccessHooks) {
  const readToken = issuer === undefined ? undefined : tokenReader(issuer, audience, hooks.keepAlive)

  return async (request: Request, context: AccessContext | undefined): Promise<Authentication> => {
    if (context && context.aud !== audience) return { refusal: OTHER_APPLICATION }
    const token = readToken && request.headers.get('Cf-Access-Jwt-Assertion')
    if (!context && !token) return null
    try {
      // The runtime does not have every identity, e.g. not that of a service token, but the token names it.
      const name = nameIn(await context?.getIdentity()) ?? (token && nameIn(await readToken(token)))
      return { name: name ?? 'Cloudflare Access', scope: 'admin', via: 'access' }
    } catch (error) {
      // Anything wrong with the team's keys is another error.
      if (error instanceof JOSEError)
        return { refusal: invalidToken(`the token of Cloudflare Access is refused: ${error.message}`) }
      hooks.onFailure(error)
      return { refusal: UNAVAILABLE }
    }
  }
}

function tokenReader(issuer: string, audience: string, keepAlive: AccessHooks['keepAlive']) {
  const keys = remoteKeys(`${issuer}/cdn-cgi/access/certs`, keepAlive)
  const checks = {
    issuer,
    audience,
    algorithms: ['RS256'],
    clockTolerance: CLOCK_SKEW_SECONDS,
    requiredClaims: ['exp'],
  }
  return async (token: string): Promise<Claims> => (await jwtVerify(token, keys, checks)).payload
}

function nameIn(claims: Claims = {}): string | undefined {
  return [claims['email'], claims['common_name']].find(
    (name): name is string => typeof name === 'string' && name !== '',
  )
}
