import { bytesBody } from '../bodies/fixed-length.ts'
import type { Backend } from '../storage/backend.ts'

/** A GET finds out whether the backend has the name, and leaves it to the client to fetch the object from there. */
export function withRedirect(backend: Backend): Backend {
  return {
    ...backend,
    async get(name, options) {
      const info = await backend.head(name, options)
      if (!info) return null
      const body = bytesBody(new Uint8Array())
      return info.deleted ? { ...info, body } : { ...info, size: 0, substitute: 'redirect', body }
    },
  }
}
