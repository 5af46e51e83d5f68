import { type Ask, namePath, type Send } from './request.ts'

export interface OpenOptions {
  method?: 'GET' | 'HEAD'
  /** Conditions and ranges: If-None-Match, Range, … */
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface PutOptions {
  /** Content-Type, Cache-Control, `x-amz-meta-*`, If-None-Match, Repr-Digest, … */
  headers?: Record<string, string>
  signal?: AbortSignal
}

/** The methods of the Django storage API, but for listdir. */
export interface Methods {
  /** Where a name is served. */
  mediaUrl(name: string): string
  /** The object as a response: 200, 206 or 304. */
  open(name: string, options?: OpenOptions): Promise<Response>
  /** Stores the body under that name, whatever was there. */
  put(name: string, body: BodyInit, options?: PutOptions): Promise<{ created: boolean; etag: string | null }>
  /** Stores the body under the first available name, and tells which. */
  save(name: string, body: BodyInit, options?: PutOptions): Promise<string>
  delete(name: string): Promise<void>
  exists(name: string): Promise<boolean>
  /** Up to 100 names at once. */
  existsAll(names: readonly string[]): Promise<Record<string, boolean>>
  /** Bytes. */
  size(name: string): Promise<number>
  /** `expiresIn`, in seconds, for presigned ones. */
  url(name: string, options?: { expiresIn?: number }): Promise<string>
  accessedTime(name: string): Promise<Date>
  createdTime(name: string): Promise<Date>
  modifiedTime(name: string): Promise<Date>
  validName(name: string): Promise<string>
  availableName(name: string): Promise<string>
  /** In the backend's own terms, e.g. `r2://bucket/key`. */
  path(name: string): Promise<string>
}

export function createMethods(base: string, send: Send, ask: Ask): Methods {
  /** Most routes answer with one member beside the name. */
  const askFor = async <Value>(method: string, name: string, query = {}): Promise<Value> => {
    const answer = await ask<Record<string, Value>>(`${method}/${namePath(name)}`, { query })
    return answer[MEMBERS[method] ?? method] as Value
  }
  const time = async (method: string, name: string) => new Date(await askFor<string>(method, name))
  return {
    mediaUrl: (name) => base + namePath(name),
    open: (name, options) => send(namePath(name), options),
    async put(name, body, options) {
      const response = await send(namePath(name), { ...options, method: 'PUT', body })
      return { created: response.status === 201, etag: response.headers.get('ETag') }
    },
    async save(name, body, options) {
      const route = `save/${namePath(name)}`
      return (await ask<{ name: string }>(route, { ...options, method: 'POST', body })).name
    },
    async delete(name) {
      await send(`-/api/delete/${namePath(name)}`, { method: 'DELETE' })
    },
    exists: (name) => askFor('exists', name),
    async existsAll(names) {
      const json = { names }
      return (await ask<{ exists: Record<string, boolean> }>('exists', { method: 'POST', json })).exists
    },
    size: (name) => askFor('size', name),
    url: (name, { expiresIn } = {}) => askFor('url', name, { expires_in: expiresIn }),
    accessedTime: (name) => time('accessed_time', name),
    createdTime: (name) => time('created_time', name),
    modifiedTime: (name) => time('modified_time', name),
    validName: (name) => askFor('get_valid_name', name),
    availableName: (name) => askFor('get_available_name', name),
    path: (name) => askFor('path', name),
  }
}

const MEMBERS: Record<string, string> = {
  get_valid_name: 'valid_name',
  get_available_name: 'available_name',
}
