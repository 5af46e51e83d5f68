/** Where the page is: kept in the fragment, so that no server and no cache key sees names. */
export type Route =
  | { view: 'browse'; prefix: string; filter: string }
  | { view: 'object'; name: string }
  | { view: 'migration'; job?: string }
  | { view: 'verification'; job: string }
  | { view: 'sources' }
  | { view: 'rollback' }
  | { view: 'health' }
  | { view: 'welcome' }

export type View = Route['view']

/** The fragment of a route, e.g. `#/browse/photos/2024/`. Reverses `parseRoute`. */
export function formatRoute(route: Route): string {
  switch (route.view) {
    case 'browse': {
      const filter = route.filter === '' ? '' : `?prefix=${encodeURIComponent(route.filter)}`
      return `#/browse/${encodePath(route.prefix)}${filter}`
    }
    case 'object':
      return `#/object/${encodePath(route.name)}`
    case 'migration':
      return route.job === undefined ? '#/migration' : `#/migration/${encodeURIComponent(route.job)}`
    case 'verification':
      return `#/verification/${encodeURIComponent(route.job)}`
    default:
      return `#/${route.view}`
  }
}

/** The route of a fragment; null if it is none. The empty one is the root of Browse. */
export function parseRoute(hash: string): Route | null {
  const [path, query] = splitOnce(hash.replace(/^#\/?/, ''), '?')
  const [view, rest] = splitOnce(path, '/')
  const decoded = decodePath(rest)
  if (decoded === null) return null
  switch (view) {
    case '':
      return { view: 'browse', prefix: '', filter: '' }
    case 'browse':
      return { view, prefix: decoded, filter: new URLSearchParams(query).get('prefix') ?? '' }
    case 'object':
      return decoded === '' ? null : { view, name: decoded }
    case 'migration':
      return decoded === '' ? { view } : { view, job: decoded }
    case 'verification':
      return decoded === '' ? null : { view, job: decoded }
    case 'sources':
    case 'rollback':
    case 'health':
    case 'welcome':
      return decoded === '' ? { view } : null
    default:
      return null
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}

function decodePath(path: string): string | null {
  try {
    return path.split('/').map(decodeURIComponent).join('/')
  } catch {
    return null
  }
}

/** The folder that contains this name or prefix, with its slash at the end; `''` at the root. */
export function parentOf(path: string): string {
  return path.slice(0, path.replace(/\/$/, '').lastIndexOf('/') + 1)
}
