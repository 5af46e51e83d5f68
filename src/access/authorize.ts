import type { Problem } from '../http/problem.ts'
import { type Route, type Scope, SCOPES } from '../schemas/routes.ts'
import {
  type AccessApplication,
  type AccessContext,
  type AccessHooks,
  cloudflareAccess,
} from './cloudflare-access.ts'
import type { Authentication, Identity } from './identity.ts'
import { CHALLENGE } from './refusals.ts'
import { refuseCrossOrigin } from './same-origin.ts'
import { sessionCookie } from './session.ts'
import { signedUrl, type UrlSigner } from './signed-url.ts'
import { bearerToken, type Token } from './tokens.ts'
import { urlSecret } from './url-secret.ts'

/** What the configuration says about who may do what. */
export interface AccessSettings {
  tokens: readonly Token[]
  /** How media are read: by anyone, with a token of scope `read`, or with a signed URL or such a token. */
  mediaAccess: 'public' | 'token' | 'signed'
  urlSigner?: UrlSigner | undefined
  /** Lets senders of events in that can set no header. */
  eventsSecret?: string | undefined
  /** Without it, Cloudflare Access signs nobody in. */
  cloudflareAccess?: AccessApplication | undefined
}

/** One way to sign in. `context` gives what the runtime knows of a request that Cloudflare Access let in. */
type Way = (request: Request, context: () => AccessContext | undefined) => Promise<Authentication>

/** Whose request it is, `null` if nobody signed in, and why it is refused. */
export interface Decision {
  identity: Identity | null
  refusal?: Problem
}

/**
 * Decides about requests for one route, from their headers, URLs and what the runtime knows of them. `context` is called
 * only if Cloudflare Access is configured.
 */
export type Authorize = (request: Request, context: () => AccessContext | undefined) => Promise<Decision>

/** The one place that decides who may do what. Routes that need no decision, because anyone is allowed, get `null`. */
export function createAuthorization(
  settings: AccessSettings,
  hooks: AccessHooks,
): (route: Route) => Authorize | null {
  const { tokens, cloudflareAccess: application } = settings
  /** In the order in which they are tried: the first that a request uses decides. */
  const ways: Way[] = [bearerToken(tokens), sessionCookie(tokens)]
  if (application) {
    const way = cloudflareAccess(application, hooks)
    ways.push((request, context) => way(request, context()))
  }
  const isConfigured = tokens.length > 0 || application !== undefined

  return (route) => {
    const { access, identifies } = route
    if (access === 'public') return null
    const isOpen = access === 'media' && settings.mediaAccess === 'public'
    const identifiesNow = identifies === 'to sign URLs' ? settings.urlSigner !== undefined : identifies
    if (isOpen && !identifiesNow) return null
    const scope = access === 'media' || access === 'signed-in' ? 'read' : access
    const isSigned = settings.mediaAccess === 'signed' && isMedia(route)
    const own = [...ways]
    if (isSigned && settings.urlSigner) own.push(signedUrl(settings.urlSigner))
    if (route.takesSecret) own.push(urlSecret(settings.eventsSecret))
    return async (request, context) => {
      const signedIn = await signIn(own, request, context)
      if (signedIn && !('refusal' in signedIn)) {
        const refusal = includesScope(signedIn.scope, scope)
          ? refuseCrossOrigin(signedIn, request)
          : tooLittle(signedIn, scope)
        return { identity: signedIn, ...(refusal && { refusal }) }
      }
      if (!signedIn && isOpen) return { identity: null }
      if (!signedIn && isSigned) return { identity: null, refusal: NOT_SIGNED }
      const sendsSecret = route.takesSecret && new URL(request.url).searchParams.has('secret')
      if (!isConfigured && !sendsSecret) return { identity: null, refusal: NOT_CONFIGURED }
      return { identity: null, ...(signedIn ?? { refusal: NO_TOKEN }) }
    }
  }
}

async function signIn(ways: readonly Way[], ...request: Parameters<Way>): Promise<Authentication> {
  for (const way of ways) {
    const authentication = await way(...request)
    if (authentication !== null) return authentication
  }
  return null
}

/** Whether it is the route by which media are read. */
function isMedia({ method, path }: Route): boolean {
  return method === 'GET' && path === '{name}'
}

export function includesScope(scope: Scope, needed: Scope): boolean {
  return SCOPES.indexOf(scope) >= SCOPES.indexOf(needed)
}

/** What a request is about: parameters of the path, and the query and body as parsed by the route's schemas. */
export interface Subject {
  name?: string
  /** A directory, with or without its slash. */
  path?: string
  prefix?: string
  query?: object
  body?: object
}

/** Refuses a request that reaches beyond the identity's prefix; what would be outside is never left out silently. */
export function refuseOutside({ name, prefix }: Identity, subject: Subject): Problem | null {
  if (prefix === undefined) return null
  const reached = reachOf(subject)
  if (reached?.every((one) => one.startsWith(prefix))) return null
  const what = reached
    ? 'this request reaches beyond them'
    : 'this route is about the whole deployment, or all names'
  return forbidden(`"${name}" is limited to names that begin with "${prefix}", and ${what}`)
}

/** Names, or the prefixes of names, that a request can reach; `undefined` if it has none. */
function reachOf({ name, path, prefix, query, body }: Subject): readonly string[] | undefined {
  // A route that has both reads the body where there is one.
  const fields = (body ?? query ?? {}) as {
    prefix?: string
    names?: readonly string[]
    manifest?: { name: string }
  }
  const directory = path === undefined || path.endsWith('/') ? path : `${path}/`
  const reached = [name, directory, prefix, fields.prefix, fields.manifest?.name].filter(
    (one) => one !== undefined,
  )
  if (reached.length === 0 && !fields.names) return undefined
  return [...reached, ...(fields.names ?? [])]
}

function forbidden(detail: string, headers: Record<string, string> = {}): Problem {
  return { status: 403, title: 'Forbidden', detail, headers }
}

const NO_TOKEN: Problem = {
  status: 401,
  title: 'Unauthorized',
  detail: 'this route needs a bearer token',
  headers: { 'WWW-Authenticate': CHALLENGE },
}

/** The answer where nobody can sign in. */
export const NOT_CONFIGURED: Problem = {
  status: 403,
  title: 'No token is configured',
  detail:
    'this route needs a token, and none is configured; set one with: npx wrangler secret put API_TOKEN (in development: a line in .dev.vars)',
}

/** The same for what is not signed, was changed, has expired or has an unknown key, whether or not the object exists. */
const NOT_SIGNED = forbidden('this needs a signed URL that is still valid, or a token with the scope "read"')

function tooLittle({ name, scope }: Identity, needed: Scope): Problem {
  return forbidden(`this route needs the scope "${needed}", and "${name}" has "${scope}"`, {
    'WWW-Authenticate': `${CHALLENGE}, error="insufficient_scope", scope="${needed}"`,
  })
}
