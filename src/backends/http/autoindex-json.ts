import { parseHttpDate } from '../../http/date.ts'
import { failureOfBody, StorageError } from '../../storage/errors.ts'

export interface AutoindexEntry {
  name: string
  type: 'file' | 'directory'
  size?: number
  modified?: Date
}

/** nginx passes on bytes that are not UTF-8: they were decoded to this, and such a name cannot be requested. */
export const UNDECODED = '\ufffd'

/** Longest listing of one directory that is read: some 300,000 entries, which an isolate can still hold. */
const MAX_LISTING_BYTES = 32 * 1024 * 1024

/**
 * The files and directories of a listing by nginx's `autoindex_format json`, or `null` when it is none. Entries
 * that are neither file nor directory are left out, and without `everything` names that are not UTF-8.
 */
export async function parseAutoindex(
  response: Response,
  backend: string,
  everything = false,
): Promise<AutoindexEntry[] | null> {
  const text = await readText(response).catch((error: unknown) => {
    throw failureOfBody(error, backend)
  })
  const json = parseJson(text)
  if (!Array.isArray(json) || !json.every(isRecord)) return null
  return json.flatMap(toEntry).filter(({ name }) => everything || !name.includes(UNDECODED))
}

async function readText({ body }: Response): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > MAX_LISTING_BYTES)
      throw new StorageError('too-large', `a listing of the origin is longer than ${MAX_LISTING_BYTES} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function toEntry({ name, type, size, mtime }: Record<string, unknown>): AutoindexEntry[] {
  if (typeof name !== 'string' || !isSegment(name) || (type !== 'file' && type !== 'directory')) return []
  const modified = typeof mtime === 'string' ? parseHttpDate(mtime) : undefined
  return [{ name, type, ...(typeof size === 'number' && { size }), ...(modified && { modified }) }]
}

function isSegment(name: string): boolean {
  return name !== '' && !name.includes('/')
}
