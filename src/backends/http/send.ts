import { cancelBody } from '../../bodies/cancel.ts'
import { StorageError } from '../../storage/errors.ts'
import { marked } from '../call.ts'
import { passedHeader } from '../../storage/invocation.ts'
import { isPublicHost } from './public-address.ts'

export interface SendOptions {
  /** Base URL of the origin. May be left out where `fetcher` is given. */
  url?: string
  /** A binding that answers for the origin. */
  fetcher?: FetcherLike
  /** Sent to the origin, never to hosts that it redirects to. */
  headers?: Readonly<Record<string, string>>
  /** Statuses that prove absence. */
  absentStatuses: readonly number[]
  listing?: 'autoindex-json'
  /** Sent along, so that a request that comes back to this deployment is recognised. */
  deploymentId?: string
  /** Default: the global fetch. */
  fetch?: typeof fetch
}

/** Requests a path below the origin's base, for the bytes as they are, and follows redirects. */
export type Send = (
  method: 'GET' | 'HEAD',
  path: string,
  options?: { headers?: Record<string, string>; signal?: AbortSignal | undefined },
) => Promise<Response>

/** The base where a binding has no URL: it only sees the path. */
const PLACEHOLDER = 'http://origin.invalid/'

export function createSend(backend: string, options: SendOptions): Send {
  const origin = new URL(withSlash(options.url ?? PLACEHOLDER))
  const base = origin.href
  const away: FetcherLike = { fetch: options.fetch ?? ((url, init) => fetch(url, init)) }
  const policy: RedirectPolicy = {
    backend,
    origin,
    headers: options.headers ?? {},
    home: options.fetcher ?? away,
    away,
    isFinal: (status, target, from) =>
      options.absentStatuses.includes(status) ||
      (options.listing !== undefined && target?.pathname === `${from.pathname}/`),
  }
  return (method, path, { headers, signal } = {}) =>
    // Joined as strings: `new URL(name, base)` would take a name like `//host/a` or `x:y` for another URL.
    fetchFollowing(
      base + path,
      {
        method,
        headers: { 'Accept-Encoding': 'identity', ...headers, ...passedHeader(options.deploymentId) },
        ...(signal && { signal }),
      },
      policy,
    )
}

export function withSlash(url: string): string {
  return url.endsWith('/') ? url : `${url}/`
}

/** Anything that fetches: a binding, or an object around the global `fetch`. */
export interface FetcherLike {
  fetch(url: string, init?: RequestInit): Promise<Response>
}

export interface RedirectPolicy {
  /** Name of the backend, for errors. */
  backend: string
  /** The configured origin: always allowed, even where it is private. */
  origin: URL
  /** Sent to the configured origin only. */
  headers: Readonly<Record<string, string>>
  /** For the configured origin. */
  home: FetcherLike
  /** For every other host. */
  away: FetcherLike
  /** A redirect that is an answer by itself and not followed. */
  isFinal(status: number, target: URL | null, from: URL): boolean
}

const MAX_REDIRECTS = 5
const REDIRECTS = [301, 302, 303, 307, 308]

/** Whether the status sends elsewhere. */
export function isRedirect(status: number): boolean {
  return REDIRECTS.includes(status)
}

/**
 * Fetches and follows redirects by hand: at most 5, over http(s), to the configured host or a public one, never from
 * https to http. Configured headers stay behind at the first change of host. Anything else is `unavailable`.
 */
export async function fetchFollowing(
  start: string,
  request: { method: string; headers: Readonly<Record<string, string>>; signal?: AbortSignal },
  policy: RedirectPolicy,
): Promise<Response> {
  let url = start
  let { host } = policy.origin
  let trusted = true
  for (let followed = 0; ; followed++) {
    const atHome = host === policy.origin.host
    trusted &&= atHome
    const href = url
    const init: RequestInit = {
      ...request,
      headers: trusted ? { ...policy.headers, ...request.headers } : request.headers,
      redirect: 'manual',
      // Cloudflare may answer a 404 from its cache for minutes, and that proves nothing.
      cache: 'no-store',
    }
    const response = await marked(() => (atHome ? policy.home : policy.away).fetch(href, init))
    if (!isRedirect(response.status)) return response
    const location = response.headers.get('Location')
    const from = new URL(href)
    const target = location === null ? null : URL.parse(location, href)
    if (policy.isFinal(response.status, target, from)) return response
    await cancelBody(response.body)
    const refused =
      followed === MAX_REDIRECTS ? `more than ${MAX_REDIRECTS} times` : refuse(target, from, policy.origin)
    if (!target || refused !== undefined)
      throw new StorageError('unavailable', `the origin redirects ${refused}`, {
        backend: policy.backend,
        status: response.status,
      })
    url = target.href
    host = target.host
  }
}

/** Why a redirect is not followed. Names no address: the error is shown to clients. */
function refuse(target: URL | null, from: URL, origin: URL): string | undefined {
  if (!target) return 'without saying where'
  if (target.protocol !== 'http:' && target.protocol !== 'https:') return 'to what is not http'
  if (target.username !== '' || target.password !== '') return 'to a URL with credentials'
  if (from.protocol === 'https:' && target.protocol === 'http:') return 'from https to http'
  if (target.host !== origin.host && !isPublicHost(target.hostname)) return 'to an address that is not public'
  return undefined
}
