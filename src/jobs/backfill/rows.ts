import { type Chunks, openChunks } from '../../bodies/chunks.ts'
import { startCheck } from '../../bodies/digest.ts'
import { interruption, StorageError } from '../../storage/errors.ts'
import { checkName } from '../../storage/name.ts'
import type { Digests } from '../../storage/object.ts'
import type { ManifestLines, RowFormat } from './manifest.ts'

/** Some rows of a manifest, and the number of the last one. */
export interface Rows extends ManifestLines {
  row: number
}

export interface ReadRowsOptions {
  /** Rows that were taken before. */
  skip?: number
  /** Of the bytes as they are stored. */
  digests?: Digests
  /** What a failed row's detail begins with. */
  where?: string
  /** Converts what reading the body threw. */
  toError?: (error: unknown) => StorageError
}

/** Rows that are returned at once, unless the body ends. */
const ROWS = 1000
const MAX_ROW = 64 * 1024
/** Bytes that are read at once. A thousand times as many may come out of gzip data, and all of them are in memory. */
const STORED = { atLeast: 16 * 1024, atMost: 16 * 1024 }
/** Unzipped bytes that are decoded at once. */
const TEXT_BYTES = 64 * 1024
const MAX_SHOWN = 200

/** The names in a body, which may be gzipped. What comes before a failure is returned before that is thrown. */
export async function* readRows(
  body: ReadableStream<Uint8Array>,
  format: RowFormat,
  { skip = 0, where = '', ...options }: ReadRowsOptions = {},
): AsyncGenerator<Rows> {
  let found: ManifestLines = { names: [], failures: [] }
  let row = 0
  let returned = skip
  let rest = ''
  for await (const { text, isLast, error } of readText(body, options)) {
    const whole = rest + text
    const { records, end, problem } = format.split(whole, isLast)
    rest = whole.slice(end)
    for (const record of records) {
      row++
      if (row === 1 && format.header) format.header(record)
      else if (row > skip) addRow(found, record, { format, where: `${where}row ${row}` })
    }
    const why = problem ?? (rest.length > MAX_ROW ? `a row has more than ${MAX_ROW} characters` : undefined)
    const failure = error ?? (why === undefined ? undefined : new StorageError('invalid', why))
    if (row > returned && (isLast || failure || row >= returned + ROWS)) {
      yield { ...found, row }
      found = { names: [], failures: [] }
      returned = row
    }
    if (failure?.code === 'invalid')
      throw new StorageError('invalid', `${where}after row ${row}: ${failure.message}`, { cause: failure })
    if (failure) throw failure
  }
}

function addRow(
  found: ManifestLines,
  record: readonly string[],
  { format, where }: { format: RowFormat; where: string },
): void {
  if (record.length === 1 && record[0]?.trim() === '') return
  let name: string | undefined
  try {
    const entry = format.parse(record)
    if (!entry) return
    name = entry[0]
    checkName(name)
    found.names.push(entry)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    name ??= record.join(',')
    found.failures.push({
      name: name.slice(0, MAX_SHOWN).toWellFormed(),
      detail: `${where}: ${error.message}`,
    })
  }
}

interface Text {
  text: string
  isLast: boolean
  /** Why nothing follows. */
  error?: StorageError
}

async function* readText(
  body: ReadableStream<Uint8Array>,
  { digests = {}, toError = interruption }: Omit<ReadRowsOptions, 'skip' | 'where'>,
): AsyncGenerator<Text> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false })
  const check = startCheck(digests)
  const stored = openChunks(body, STORED)
  const next = async (): Promise<Uint8Array> => {
    const bytes = await stored.next().catch((error: unknown) => {
      throw toError(error)
    })
    if (bytes.length > 0) await check.update(bytes)
    return bytes
  }
  try {
    for await (const bytes of unzip(next)) yield { text: decode(decoder, bytes), isLast: false }
    await check.finish().catch((cause: unknown) => {
      throw new StorageError('invalid', 'the file is not the one with the announced digest', { cause })
    })
    yield { text: decode(decoder), isLast: true }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    yield { text: '', isLast: false, error }
  } finally {
    await stored.cancel(new StorageError('interrupted', 'the rest of the manifest is not needed'))
  }
}

function decode(decoder: TextDecoder, bytes?: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: bytes !== undefined })
  } catch (cause) {
    throw new StorageError('invalid', 'the text is not UTF-8', { cause })
  }
}

/** The bytes that `next` returns until it returns none; unzipped if they are gzip data (RFC 1952, section 2.3.1). */
async function* unzip(next: Chunks['next']): AsyncGenerator<Uint8Array> {
  let bytes = await next()
  if (bytes.length === 1) bytes = Uint8Array.from([...bytes, ...(await next())])
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) yield* gunzip(bytes, next)
  else for (; bytes.length > 0; bytes = await next()) yield bytes
}

/**
 * The runtime takes all gzip data at once, and keeps what it unzips in memory; if the rest is damaged, it drops that.
 * So each chunk is written after all that comes out of the one before has been read.
 */
async function* gunzip(first: Uint8Array, next: Chunks['next']): AsyncGenerator<Uint8Array> {
  const { readable, writable } = new DecompressionStream('gzip')
  const [reader, writer] = [readable.getReader({ mode: 'byob' }), writable.getWriter()]
  const sound = <T>(result: Promise<T>): Promise<T> =>
    result.catch((cause: unknown) => {
      throw new StorageError('invalid', 'the gzip data is damaged or not complete', { cause })
    })
  const read = (buffer: ArrayBuffer) => {
    const reading = sound(reader.read(new Uint8Array(buffer)))
    // It is awaited later, unless something else fails first.
    reading.catch(() => {})
    return reading
  }
  let reading = read(new ArrayBuffer(TEXT_BYTES))
  let isClosed = false
  let bytes = first
  try {
    for (;;) {
      const result = await Promise.race([reading, nextTask()])
      if (result?.done) return
      if (result) {
        yield result.value
        reading = read(result.value.buffer)
      } else if (bytes.length > 0) {
        // A copy: `next` uses the memory again.
        await sound(writer.write(bytes.slice()))
        bytes = await next()
      } else if (!isClosed) {
        isClosed = true
        await sound(writer.close())
      }
    }
  } finally {
    await Promise.allSettled([writer.abort(), reader.cancel()])
  }
}

function nextTask(): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, 0))
}
