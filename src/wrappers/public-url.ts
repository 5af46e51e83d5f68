import type { Backend } from '../storage/backend.ts'
import { encodeName } from '../storage/name.ts'

/** For a backend that is public itself: `url` is the key below `publicUrl`, which may be a path on the Worker's own host. */
export function withPublicUrl(backend: Backend, publicUrl: string): Backend {
  return {
    ...backend,
    url: async (key, { base }) => `${new URL(publicUrl, base).href.replace(/\/$/, '')}/${encodeName(key)}`,
  }
}

/** For a backend without public URLs of its own: `url` is the public name, not the key, below the Worker's base. */
export function withServedUrl(backend: Backend): Backend {
  return { ...backend, url: async (name, { base }) => base + encodeName(name) }
}
