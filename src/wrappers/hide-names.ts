import { refuseBody } from '../bodies/cancel.ts'
import type { Changes } from './intercept.ts'

type Names = (name: string) => boolean

/** For a wrapper to which these names are absent. */
export function hideNames(isHidden: Names) {
  return {
    get: (get) => (name, options) => (isHidden(name) ? Promise.resolve(null) : get(name, options)),
    head: (head) => (name, options) => (isHidden(name) ? Promise.resolve(null) : head(name, options)),
  } satisfies Changes
}

/** For a wrapper that refuses writes of these names. */
export function refuseNames(isRefused: Names, refusal: () => Error) {
  return {
    put: (put) => (name, body, options) =>
      isRefused(name) ? refuseBody(body, refusal()) : put(name, body, options),
    delete: (remove) => async (name, options) => {
      if (isRefused(name)) throw refusal()
      return remove(name, options)
    },
    createMultipartUpload: (create) => async (name, options) => {
      if (isRefused(name)) throw refusal()
      return create(name, options)
    },
  } satisfies Changes
}
