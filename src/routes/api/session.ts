import type { Context } from 'hono'
import { NOT_CONFIGURED } from '../../access/authorize.ts'
import type { Identity } from '../../access/identity.ts'
import { CROSS_ORIGIN, isSameOrigin } from '../../access/same-origin.ts'
import { SESSION_SECONDS, sealSession } from '../../access/session.ts'
import { tokenFinder, WRONG_TOKEN } from '../../access/tokens.ts'
import type { Answers } from '../../schemas/answers.ts'
import { SCOPES, SESSION_COOKIE } from '../../schemas/routes.ts'
import { type AppEnv, type Handlers, ProblemError } from '../context.ts'

type Session = Answers['getSession']

/** Sessions of the dashboard: a cookie in place of a token, which scripts cannot read and pages of other sites cannot use. */
export const sessionHandlers = {
  getSession(c) {
    const { identity } = c.var
    if (!identity || identity.via === 'signed-url' || identity.via === 's3')
      throw new Error('no way to sign in was found')
    return describe(identity, identity.via)
  },

  async signIn(c, { body }) {
    // Or a page of another site could sign its visitors in with a token of its own.
    if (isSameOrigin(c.req.raw) === false) throw new ProblemError(CROSS_ORIGIN)
    const { tokens } = c.var.deployment.config
    if (tokens.length === 0) throw new ProblemError(NOT_CONFIGURED)
    const found = await tokenFinder(tokens)(body.token)
    if (!found) throw new ProblemError(WRONG_TOKEN)
    const { token: _, ...identity } = found
    const expires = Math.floor(Date.now() / 1000) + SESSION_SECONDS
    c.set('identity', { ...identity, via: 'session' })
    setCookie(c, await sealSession(found, expires), SESSION_SECONDS)
    return describe({ ...identity, expires }, 'session')
  },

  signOut(c) {
    setCookie(c, '', 0)
    return c.body(null, 204)
  },
} satisfies Partial<Handlers>

function describe({ name, scope, prefix, expires }: Omit<Identity, 'via'>, via: Session['via']): Session {
  return {
    name,
    via,
    scopes: SCOPES.slice(0, SCOPES.indexOf(scope) + 1),
    ...(prefix !== undefined && { prefix }),
    ...(expires !== undefined && { expires_time: new Date(expires * 1000).toISOString() }),
  }
}

/** Only the API gets the cookie, and no request that another site causes. */
function setCookie(c: Context<AppEnv>, value: string, seconds: number): void {
  const path = `Path=${c.var.deployment.config.mediaPath}-/`
  const secure = new URL(c.req.url).protocol === 'https:' ? '; Secure' : ''
  c.header(
    'Set-Cookie',
    `${SESSION_COOKIE}=${value}; ${path}; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`,
  )
}
