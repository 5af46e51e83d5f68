import { signal } from '@preact/signals'
import { ApiError, type Answers, createClient } from '../client/client.ts'

export type Session = Answers['getSession']

/** `undefined` until it is known, `null` if nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined)

/**
 * How to sign in again after a session has ended by itself, while what was shown stays: by a token, or by loading the page
 * again, which leads to the login of Cloudflare Access.
 */
export const expired = signal<'token' | 'reload' | null>(null)

/** Why the token of the address was refused. */
export const refusal = signal<unknown>(undefined)

/** The Worker's media base: the page is at `-/` below it. */
export const base = new URL('..', document.baseURI.replace(/[#?].*$/, '')).href

/** The API, as whoever is signed in. A response of 401 signs out, so that every view offers to sign in again. */
export const client = createClient({
  url: base,
  async fetch(input, init) {
    // Cloudflare Access answers an expired login with a redirect to another origin.
    const response = await fetch(input, { ...init, redirect: 'manual' })
    if (response.type === 'opaqueredirect') {
      expire('reload')
      throw new ApiError({
        type: 'about:blank',
        title: 'Signed out',
        status: 401,
        detail: 'Your login has expired: reload the page to sign in again.',
      })
    }
    // The cookie is only sent to the API: a private object's own address does not know the session.
    if (response.status === 401 && response.url.startsWith(`${base}-/`)) expire()
    return response
  },
})

/** Notes that the session has ended, e.g. by a response of 401. */
export function expire(by: 'token' | 'reload' = session.value?.via === 'access' ? 'reload' : 'token'): void {
  if (!session.value) return
  session.value = null
  expired.value = by
}

/** Signs in with the token of the fragment (`#token=…`, as `npm start` prints it), else finds out who is signed in. */
export async function startSession(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get('token')
  try {
    if (token !== null) {
      // At once, so that the token stays neither in the address bar nor in the history.
      history.replaceState(null, '', '#/welcome')
      dispatchEvent(new HashChangeEvent('hashchange'))
      session.value = await client.signIn(token)
    } else {
      session.value = await client.session()
    }
  } catch (error) {
    if (!(error instanceof ApiError) || ![401, 403].includes(error.status)) throw error
    session.value = null
    if (token !== null)
      refusal.value = new Error(`The token in the address was refused: ${error.problem.detail}`)
  }
}

export async function signIn(token: string): Promise<void> {
  session.value = await client.signIn(token)
  expired.value = null
  refusal.value = undefined
}

export async function signOut(): Promise<void> {
  await client.signOut()
  session.value = null
}

/** Whether the session may do what needs this scope. */
export function may(scope: Session['scopes'][number]): boolean {
  return session.value?.scopes.includes(scope) ?? false
}
