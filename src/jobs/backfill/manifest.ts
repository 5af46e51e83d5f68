import * as v from 'valibot'
import { StorageError } from '../../storage/errors.ts'
import { parseJson } from '../../storage/parse-json.ts'
import { parseCsv, type Records } from './csv.ts'
import type { PageEntry } from './job-types.ts'

export type ManifestFormat = 'text' | 'ndjson' | 'csv'

/** The names in some rows, and what is wrong with the other rows. */
export interface ManifestLines {
  names: PageEntry[]
  failures: { name: string; detail: string }[]
}

/** How the rows of a manifest are read. */
export interface RowFormat {
  /** The complete rows at the beginning of a text. */
  split(text: string, isLast: boolean): Records
  /** Takes the first row, if it names the columns. */
  header?(row: readonly string[]): void
  /** `null` if the row does not stand for an object. Throws `invalid`. */
  parse(row: readonly string[]): PageEntry | null
}

const ndjsonRow = v.union([v.string(), v.object({ name: v.string(), size: v.optional(v.unknown()) })])

/** The format that a Content-Type, or the name of a manifest, stands for. */
export function formatOf(contentType: string | undefined, name = ''): ManifestFormat {
  const whole = name.replace(/\.gz$/i, '')
  if (/ndjson|jsonl|json-seq|json-lines/i.test(contentType ?? '') || /\.(?:ndjson|jsonl)$/i.test(whole))
    return 'ndjson'
  return /^text\/csv/i.test(contentType ?? '') || /\.csv$/i.test(whole) ? 'csv' : 'text'
}

export function rowsOf(format: ManifestFormat): RowFormat {
  if (format === 'csv') return csvRows()
  return { split: splitLines, parse: ([line = '']) => (format === 'text' ? [line, null] : fromJson(line)) }
}

/** CSV whose first row names the columns, or with the given ones. `toName` returns `null` for rows to be left out. */
export function csvRows(
  given?: readonly string[],
  toName: (field: string) => string | null = (field) => field,
): RowFormat {
  let columns = given ? columnsOf(given) : undefined
  return {
    split: parseCsv,
    ...(!given && {
      header(row) {
        columns = columnsOf(row)
      },
    }),
    parse(row) {
      if (!columns || row.length < columns.count)
        throw new StorageError('invalid', `the row has ${row.length} of ${columns?.count} columns`)
      const { name: column, size, latest, deleted } = columns
      // Of the versions in an inventory, reads see only the latest, unless it is a delete marker.
      if (is(row[latest], 'false') || is(row[deleted], 'true')) return null
      const name = toName(row[column] ?? '')
      const bytes = row[size] ?? ''
      return name === null ? null : [name, /^\d{1,15}$/.test(bytes) ? Number(bytes) : null]
    },
  }
}

function columnsOf(row: readonly string[]) {
  const titles = row.map((title) => title.trim().toLowerCase())
  const name = Math.max(titles.indexOf('name'), titles.indexOf('key'))
  if (name === -1) throw new StorageError('invalid', 'no column is called "name" or "key"')
  return {
    count: row.length,
    name,
    size: titles.indexOf('size'),
    latest: titles.indexOf('islatest'),
    deleted: titles.indexOf('isdeletemarker'),
  }
}

function is(field: string | undefined, word: string): boolean {
  return field?.toLowerCase() === word
}

function splitLines(text: string, isLast: boolean): Records {
  const end = isLast ? text.length : text.lastIndexOf('\n') + 1
  const lines = text.slice(0, end).split('\n')
  if (lines.at(-1) === '') lines.pop()
  return { records: lines.map((line) => [line.endsWith('\r') ? line.slice(0, -1) : line]), end }
}

function fromJson(raw: string): PageEntry {
  const row = parseJson(raw)
  if (!v.is(ndjsonRow, row))
    throw new StorageError('invalid', 'the line is neither a JSON string nor an object with a "name"')
  if (typeof row === 'string') return [row, null]
  const { name, size } = row
  return [name, typeof size === 'number' && Number.isSafeInteger(size) && size >= 0 ? size : null]
}
