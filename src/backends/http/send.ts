import { passedHeader } from '../invocation.ts'
import { fetchFollowing, type FetcherLike, type RedirectPolicy } from './redirects.ts'

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
  const base = withSlash(options.url ?? PLACEHOLDER)
  const away: FetcherLike = { fetch: options.fetch ?? ((url, init) => fetch(url, init)) }
  const policy: RedirectPolicy = {
    backend,
    origin: new URL(base),
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
