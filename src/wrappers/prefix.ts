import type { Backend, ListOptions, ListPage, MultipartUpload } from '../storage/backend.ts'
import { isLongerThan, MAX_NAME_BYTES, nameBytes } from '../storage/name.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { type Changes, intercept } from './intercept.ts'

/** The backend's keys are the names with `prefix` before them. Other keys are invisible. */
export function withPrefix(backend: Backend, prefix: string): Backend {
  const key = (name: string): string => prefix + name
  const maxNameBytes = (backend.maxNameBytes ?? MAX_NAME_BYTES) - nameBytes(prefix)
  const fits = (name: string): boolean => !isLongerThan(maxNameBytes, name)
  const named = <Info extends ObjectInfo>(info: Info | null): Info | null =>
    info && { ...info, name: info.name.slice(prefix.length) }
  const namedUpload = (upload: MultipartUpload): MultipartUpload => ({
    ...upload,
    complete: async (...args) => named(await upload.complete(...args)),
  })

  // All methods: one that is missing here would reach keys outside the prefix.
  const changes: Required<Changes> = {
    accepts: (accepts) => (name) => fits(name) && accepts(key(name)),
    get: (get) => async (name, options) => named(await get(key(name), options)),
    head: (head) => async (name, options) => named(await head(key(name), options)),
    put: (put) => async (name, body, options) => named(await put(key(name), body, options)),
    delete: (remove) => (name, options) => remove(key(name), options),
    list: (list) => async (options) => strip(await list(below(options, prefix)), prefix, options?.everything),
    url: (url) => (name, options) => url(key(name), options),
    path: (path) => (name) => path(key(name)),
    createMultipartUpload: (create) => async (name, options) => namedUpload(await create(key(name), options)),
    resumeMultipartUpload: (resume) => (name, id) => namedUpload(resume(key(name), id)),
  }
  return { accepts: fits, ...intercept(backend, changes), maxNameBytes }
}

function below({ prefix: inner = '', after, ...options }: ListOptions = {}, prefix: string): ListOptions {
  return { ...options, prefix: prefix + inner, after: after === undefined ? undefined : prefix + after }
}

/** A key that equals the prefix (`media/`, which consoles create for folders) has no name. */
function strip(page: ListPage, prefix: string, everything = false): ListPage {
  return {
    ...page,
    objects: page.objects
      .filter((object) => everything || object.name.length > prefix.length)
      .map((object) => ({ ...object, name: object.name.slice(prefix.length) })),
    directories: page.directories.map((directory) => directory.slice(prefix.length)),
  }
}
