import { cancelBody } from '../../bodies/cancel.ts'
import { StorageError } from '../../storage/errors.ts'
import { passedHeader } from '../../storage/invocation.ts'
import { isPublicHost } from './public-address.ts'

export interface SendOptions {
  /** Base URL of the origin. May be left out where `fetcher` is given. */
  url?: string
  /** A binding that serves the origin. */
  fetcher?: FetcherLike | undefined
  /** Sent to the origin, never to hosts that it redirects to. */
  headers?: Readonly<Record<string, string>>
  /** Statuses that prove absence. */
  absentStatuses: readonly number[]
  listing?: 'autoindex-json'
  /** Sent with each request, so that one that comes back to this deployment is recognised. */
  deploymentId?: string
  /** Default: the global fetch. */
  fetch?: typeof fetch
}

/** Anything that fetches: a binding, or an object around the global `fetch`. */
interface FetcherLike {
  fetch(url: string, init?: RequestInit): Promise<Response>
}

/** Requests a path below the origin's base, without compression, and follows redirects. */
export type Send = (
  method: 'GET' | 'HEAD',
  path: string,
  options?: { headers?: Record<string, string>; signal?: AbortSignal | undefined },
) => Promise<Response>

/** The base URL for a binding without one: it only sees the path. */
const PLACEHOLDER = 'http://origin.invalid/'
const MAX_REDIRECTS = 5
const REDIRECTS = [301, 302, 303, 307, 308]

/** Whether the status redirects to another URL. */
export function isRedirect(status: number): boolean {
  return REDIRECTS.includes(status)
}

export function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`
}

/**
 * Follows redirects by hand: at most 5, over http(s), to the configured host or a public one, never from https to http.
 * Configured headers stay behind at the first change of host. Any other redirect is `unavailable`.
 */
export function createSend(backend: string, options: SendOptions): Send {
  const origin = new URL(withSlash(options.url ?? PLACEHOLDER))
  const elsewhere: FetcherLike = { fetch: options.fetch ?? ((url, init) => fetch(url, init)) }
  const home = options.fetcher ?? elsewhere
  /** A redirect that is not followed: its status is configured as an absence, or it leads to a directory. */
  const isFinal = (status: number, from: URL, target: URL | null): boolean =>
    options.absentStatuses.includes(status) ||
    (options.listing !== undefined && target?.pathname === `${from.pathname}/`)

  return async (method, path, { headers: own, signal } = {}) => {
    const plain = { 'Accept-Encoding': 'identity', ...own, ...passedHeader(options.deploymentId) }
    // Joined as strings, because `new URL('//host/a', base)` or `new URL('x:y', base)` would be other URLs.
    let url = origin.href + path
    let { host } = origin
    let trusted = true
    for (let followed = 0; ; followed++) {
      const isHome = host === origin.host
      trusted &&= isHome
      const response = await (isHome ? home : elsewhere).fetch(url, {
        method,
        headers: trusted ? { ...options.headers, ...plain } : plain,
        redirect: 'manual',
        // Cloudflare may serve a 404 from its cache for minutes, which proves nothing.
        cache: 'no-store',
        signal: signal ?? null,
      })
      const { status } = response
      if (!isRedirect(status)) return response
      const location = response.headers.get('Location')
      const from = new URL(url)
      const target = location === null ? null : URL.parse(location, url)
      if (isFinal(status, from, target)) return response
      await cancelBody(response.body)
      const refused =
        followed === MAX_REDIRECTS ? `more than ${MAX_REDIRECTS} times` : refusalOf(target, from, origin)
      if (!target || refused !== undefined)
        throw new StorageError('unavailable', `the origin redirects ${refused}`, { backend, status })
      url = target.href
      host = target.host
    }
  }
}

/** Why a redirect is not followed. Names no address: the error is shown to clients. */
function refusalOf(target: URL | null, from: URL, origin: URL): string | undefined {
  if (!target) return 'without saying where'
  if (target.protocol !== 'http:' && target.protocol !== 'https:') return 'to what is not http'
  if (target.username !== '' || target.password !== '') return 'to a URL with credentials'
  if (from.protocol === 'https:' && target.protocol === 'http:') return 'from https to http'
  if (target.host !== origin.host && !isPublicHost(target.hostname)) return 'to an address that is not public'
  return undefined
}
