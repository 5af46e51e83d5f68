/**
 * The path of an absolute URL or request target exactly as it was sent: nothing decoded, no query, no fragment.
 *
 * Routers and `URL` decode or merge what names must keep distinct: `%2F` is not `/`, and `%25` is not `%`.
 */
export function rawPath(url: string): string {
  const scheme = url.indexOf('://')
  const slash = url.indexOf('/', scheme === -1 ? 0 : scheme + 3)
  const end = url.search(/[?#]/)
  if (slash === -1 || (end !== -1 && slash > end)) return '/'
  return url.slice(slash, end === -1 ? undefined : end)
}
