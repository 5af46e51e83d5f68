import * as v from 'valibot'
import type { Backend } from '../../storage/backend.ts'
import { failureOfBody, StorageError } from '../../storage/errors.ts'
import { checkName } from '../../storage/name.ts'

export type ManifestFormat = 'text' | 'ndjson'

/** The names in some lines, and what is wrong with the other lines. */
export interface ManifestLines {
  names: string[]
  failures: { name: string; detail: string }[]
}

const line = v.union([
  v.string(),
  v.pipe(
    v.object({ name: v.string() }),
    v.transform(({ name }) => name),
  ),
])
const MAX_SHOWN = 200

/** Empty lines are ignored; anything else is a name, including spaces. */
export function parseLines(text: string, format: ManifestFormat): ManifestLines {
  const found: ManifestLines = { names: [], failures: [] }
  for (const whole of text.split('\n')) {
    const raw = whole.endsWith('\r') ? whole.slice(0, -1) : whole
    if (raw.trim() === '') continue
    try {
      const name = format === 'text' ? raw : fromJson(raw)
      checkName(name)
      found.names.push(name)
    } catch (error) {
      if (!(error instanceof StorageError)) throw error
      found.failures.push({ name: raw.slice(0, MAX_SHOWN).toWellFormed(), detail: error.message })
    }
  }
  return found
}

function fromJson(raw: string): string {
  try {
    return v.parse(line, JSON.parse(raw))
  } catch (cause) {
    throw new StorageError('invalid', 'the line is neither a JSON string nor an object with a "name"', {
      cause,
    })
  }
}

/** The format that a Content-Type, or the name of a manifest object, stands for. */
export function formatOf(contentType: string | undefined, name = ''): ManifestFormat {
  return /ndjson|jsonl|json-seq|json-lines/i.test(contentType ?? '') || /\.(?:ndjson|jsonl)$/i.test(name)
    ? 'ndjson'
    : 'text'
}

/** Bytes of a manifest object that are read at once. */
const SLICE_BYTES = 512 * 1024

export interface ManifestSlice extends ManifestLines {
  /** Where to continue. */
  offset: number
  etag?: string
  ended: boolean
}

/** The next lines of a manifest object. Throws `precondition` if it has changed since the slice before. */
export async function readSlice(
  chain: Pick<Backend, 'get'>,
  name: string,
  { offset, etag }: { offset: number; etag?: string },
): Promise<ManifestSlice> {
  const options = { range: { offset, length: SLICE_BYTES }, ...(etag !== undefined && { ifMatch: etag }) }
  const object = await chain.get(name, options).catch((error: unknown) => {
    if (error instanceof StorageError && error.code === 'unsatisfiable') return 'past the end' as const
    throw error
  })
  if (object === 'past the end') return { names: [], failures: [], offset, ended: true }
  if (!object) throw new StorageError('absent', 'there is no such manifest')
  const buffer = await new Response(object.body).arrayBuffer().catch((error: unknown) => {
    throw failureOfBody(error, object.backend)
  })
  const bytes = new Uint8Array(buffer)
  const end = offset + bytes.length
  const isLast = bytes.length < SLICE_BYTES || (object.size !== undefined && end >= object.size)
  const length = isLast ? bytes.length : bytes.lastIndexOf(0x0a) + 1
  if (length === 0 && !isLast)
    throw new StorageError('invalid', `the manifest has a line of more than ${SLICE_BYTES} bytes`)
  const text = new TextDecoder('utf-8', { fatal: false, ignoreBOM: offset > 0 }).decode(
    bytes.subarray(0, length),
  )
  return {
    ...parseLines(text, formatOf(object.contentType, name)),
    offset: offset + length,
    ...(object.etag !== undefined && { etag: object.etag }),
    ended: isLast,
  }
}

/** The longest line that a client may send. */
const MAX_LINE_BYTES = 64 * 1024

/** Passes on the lines of a body as they arrive; waits for `take` before it reads more. */
export async function streamLines(
  body: ReadableStream<Uint8Array>,
  format: ManifestFormat,
  take: (lines: ManifestLines) => Promise<unknown>,
): Promise<void> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  let rest = ''
  const decode = (bytes?: Uint8Array): string => {
    try {
      return bytes ? decoder.decode(bytes, { stream: true }) : decoder.decode()
    } catch (cause) {
      throw new StorageError('invalid', 'the manifest is not UTF-8', { cause })
    }
  }
  for await (const chunk of body) {
    const text = rest + decode(chunk)
    const end = text.lastIndexOf('\n') + 1
    rest = text.slice(end)
    if (rest.length > MAX_LINE_BYTES)
      throw new StorageError('invalid', `the manifest has a line of more than ${MAX_LINE_BYTES} characters`)
    if (end > 0) await take(parseLines(text.slice(0, end), format))
  }
  rest += decode()
  if (rest !== '') await take(parseLines(rest, format))
}
