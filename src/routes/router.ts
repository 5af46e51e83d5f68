import type { Router } from 'hono/router'
import { PatternRouter } from 'hono/router/pattern-router'

/** Hono's smallest router tries one pattern after another: media requests are spared those of the API, which is at `apiRoot`. */
export function mediaFirstRouter<Handler>(apiRoot: string): Router<Handler> {
  const all = new PatternRouter<Handler>()
  const media = new PatternRouter<Handler>()
  const isApi = (path: string): boolean => path.startsWith(`${apiRoot}/`) || path === apiRoot
  return {
    name: 'MediaFirstRouter',
    add(method, path, handler) {
      all.add(method, path, handler)
      if (!isApi(path)) media.add(method, path, handler)
    },
    match: (method, path) => (isApi(path) ? all : media).match(method, path),
  }
}
