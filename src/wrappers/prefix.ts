import type { Backend, ListOptions, ListPage } from '../storage/backend.ts'
import { MAX_NAME_BYTES, nameBytes } from '../storage/name.ts'
import type { ObjectInfo } from '../storage/object.ts'

/** Puts `prefix` before each name to make the backend's key; what else lies in the backend is not seen. */
export function withPrefix(backend: Backend, prefix: string): Backend {
  const { put, delete: remove, list, url, path } = backend
  const { createMultipartUpload: multipart, abortMultipartUpload: abort } = backend
  const key = (name: string): string => prefix + name
  const named = <Info extends ObjectInfo>(info: Info | null): Info | null =>
    info && { ...info, name: info.name.slice(prefix.length) }

  return {
    ...backend,
    accepts: (name) => nameBytes(key(name)) <= MAX_NAME_BYTES && (backend.accepts?.(key(name)) ?? true),
    get: async (name, options) => named(await backend.get(key(name), options)),
    head: async (name, options) => named(await backend.head(key(name), options)),
    ...(put && { put: async (name, body, options) => named(await put(key(name), body, options)) }),
    ...(remove && { delete: (name) => remove(key(name)) }),
    ...(list && {
      list: async (options) => strip(await list(below(options, prefix)), prefix, options?.everything),
    }),
    ...(url && { url: (name, options) => url(key(name), options) }),
    ...(path && { path: (name) => path(key(name)) }),
    ...(multipart && {
      async createMultipartUpload(name, options) {
        const upload = await multipart(key(name), options)
        return { ...upload, complete: async () => named(await upload.complete()) }
      },
    }),
    ...(abort && { abortMultipartUpload: (name, id) => abort(key(name), id) }),
  }
}

function below({ prefix: asked = '', after, ...options }: ListOptions = {}, prefix: string): ListOptions {
  return { ...options, prefix: prefix + asked, ...(after !== undefined && { after: prefix + after }) }
}

/** A key that is the prefix itself (`media/`, as consoles make for folders) has no name. */
function strip(page: ListPage, prefix: string, everything = false): ListPage {
  return {
    ...page,
    objects: page.objects
      .filter((object) => everything || object.name.length > prefix.length)
      .map((object) => ({ ...object, name: object.name.slice(prefix.length) })),
    directories: page.directories.map((directory) => directory.slice(prefix.length)),
  }
}
