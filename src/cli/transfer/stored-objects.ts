import { ApiError, type Client, type Degraded, pages } from '../../client/client.ts'

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
  for await (const page of pages((cursor) => client.list(prefix, { cursor, backend }))) {
    const failed = (page.backends ?? []).filter(({ error }) => error !== 'unsupported')
    if (failed.length > 0) {
      const detail = 'the listing would be incomplete'
      throw new ApiError({
        type: 'about:blank',
        title: 'A backend failed',
        status: 502,
        detail,
        backends: failed,
      })
    }
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
      redirect: 'manual',
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
