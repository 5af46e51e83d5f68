import { ApiError, type Client, type Degraded, type ListPage } from '../../client/client.ts'
import { manyPages } from '../retries.ts'

/** An object of a deployment. */
export interface StoredObject {
  name: string
  size: number | null
  etag: string | null
  modified: Date | null
}

export interface ListStored {
  /** Only what this backend lists. */
  backend?: string
  /** What cannot list may hold more. */
  onUnlistable?: (backend: Degraded) => void
}

/** All objects below a prefix, in UTF-8 byte order. Throws before a page that lacks what a failing backend holds. */
export async function* listStored(
  client: Client,
  prefix: string,
  { backend, onUnlistable }: ListStored,
): AsyncGenerator<StoredObject> {
  const read = async (cursor: string | undefined): Promise<ListPage> => {
    const page = await client.list(prefix, { cursor, backend })
    const failed = (page.backends ?? []).filter(({ error }) => error !== 'unsupported')
    if (failed.length === 0) return page
    const detail = 'the listing would be incomplete'
    const problem = { type: 'about:blank', title: 'A backend failed', status: 502, detail, backends: failed }
    throw new ApiError(problem)
  }
  for await (const page of manyPages(read)) {
    for (const unlistable of page.backends ?? []) onUnlistable?.(unlistable)
    for (const { name, size, etag, modified_time: modified } of page.objects)
      yield { name, size, etag, modified: modified === null ? null : new Date(modified) }
  }
}

/** The object under exactly this name; undefined if there is none. */
export async function headStored(client: Client, name: string): Promise<StoredObject | undefined> {
  try {
    const { headers } = await client.openStored(name, {
      method: 'HEAD',
      headers: { 'Accept-Encoding': 'identity' },
    })
    const length = headers.get('Content-Length')
    const modified = headers.get('Last-Modified')
    return {
      name,
      size: length === null ? null : Number(length),
      etag: headers.get('ETag'),
      modified: modified === null ? null : new Date(modified),
    }
  } catch (error) {
    if (error instanceof ApiError && error.isFromWorker && error.status === 404) return undefined
    throw error
  }
}

/**
 * A listed object with the ETag that conditions are compared with: S3 lists a copy by another one than that of its source.
 * Throws if it is no longer what was listed.
 */
export async function confirmListed(
  client: Client,
  name: string,
  listed: StoredObject,
): Promise<StoredObject> {
  const stored = await headStored(client, name)
  if (stored && (stored.etag === listed.etag || (await isListedStill(client, name, listed)))) return stored
  throw changedThere()
}

/** Of all names that begin with this one, it is listed first. */
async function isListedStill(client: Client, name: string, { etag, size }: StoredObject): Promise<boolean> {
  for await (const first of listStored(client, name, {}))
    return first.name === name && first.etag === etag && first.size === size
  return false
}

/** An object that is not what was compared with the file. */
export function changedThere(cause?: unknown): Error {
  return new Error('it was changed there in the meantime, and is not overwritten', { cause })
}

/** The condition under which a write replaces exactly this object, or none; undefined if nothing identifies it. */
export function onlyReplacing(stored: StoredObject | undefined): Record<string, string> | undefined {
  if (!stored) return { 'If-None-Match': '*' }
  if (stored.etag?.startsWith('"')) return { 'If-Match': stored.etag }
  return stored.modified ? { 'If-Unmodified-Since': stored.modified.toUTCString() } : undefined
}

/** The MD5 of the object, in hexadecimal, if its ETag is one. */
export function md5InTag({ etag }: StoredObject): string | undefined {
  return /^"([\da-f]{32})"$/.exec(etag ?? '')?.[1]
}
