import { styleText } from 'node:util'

/** Text for people, parts of which may be coloured. */
export type Text = string | Styled | readonly Text[]

interface Styled {
  style: Parameters<typeof styleText>[0]
  text: string
}

/** Coloured on a terminal, unless NO_COLOR is set. */
export function styled(style: Styled['style'], text: string): Styled {
  return { style, text }
}

/** Results go to standard output, everything else to standard error. */
export interface Output {
  readonly json: boolean
  readonly quiet: boolean
  /** A line of the result, for people. */
  line(text: Text): void
  /** The result as one line of JSON; several lines make NDJSON. */
  record(value: unknown): void
  /** Several results: with --json a document each, otherwise the lines. */
  list(records: readonly unknown[], lines: () => readonly Text[]): void
  /** Information that is not part of the result; silent with --quiet. */
  note(text: string): void
  warn(text: string): void
  /** A note when Ctrl-C ends the command, on the line below the terminal's `^C`. */
  interrupted(text: string): void
}

export function createOutput({ json = false, quiet = false }: { json?: boolean; quiet?: boolean }): Output {
  const line = (text: Text) => void process.stdout.write(`${render(text)}\n`)
  const record = (value: unknown) => void process.stdout.write(`${toJson(value)}\n`)
  const note = (text: string) => {
    if (!quiet) complain(json ? toJson({ note: text }) : escaped(text))
  }
  return {
    json,
    quiet,
    line,
    record,
    list(records, lines) {
      if (json) records.forEach(record)
      else lines().forEach(line)
    },
    note,
    warn(text) {
      const sign = styleText('yellow', 'warning:', { stream: process.stderr })
      complain(json ? toJson({ warning: text }) : `${sign} ${escaped(text)}`)
    },
    interrupted(text) {
      if (process.stderr.isTTY) process.stderr.write('\n')
      note(text)
    },
  }
}

/** Reports the error that ended the command; `document` is printed with --json. */
export function reportError(lines: readonly string[], document: object, json: boolean): void {
  if (json) complain(toJson({ error: document }))
  else for (const [index, line] of lines.entries()) complain((index === 0 ? 'error: ' : '') + escaped(line))
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}

function render(text: Text): string {
  if (typeof text === 'string') return onOutput(text)
  if ('style' in text) return styleText(text.style, onOutput(text.text), { stream: process.stdout })
  return text.map(render).join('')
}

/** JSON that is safe to show on a terminal: control characters that JSON allows become `\u` escapes. */
function toJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const SHORT: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Escapes, reversibly, whatever could control a terminal or end a line: `\n`, `\x1b`, `\u202e`, and `\\` for a backslash. */
export function escaped(text: string): string {
  return text.replaceAll(/[\\\p{Cc}\p{Cs}\u2028\u2029\p{Bidi_Control}]/gu, (character) => {
    const code = character.charCodeAt(0)
    const hex = code.toString(16)
    return SHORT[character] ?? (code < 0x100 ? `\\x${hex.padStart(2, '0')}` : `\\u${hex.padStart(4, '0')}`)
  })
}

/** Escaped on a terminal only: in a file or a pipe, other programs need the exact names. */
export function onOutput(text: string): string {
  return process.stdout.isTTY ? escaped(text) : text
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** `1.5 MiB`; whole bytes below 1 KiB. */
export function bytes(count: number): string {
  let value = Math.round(count)
  let unit = 0
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 ? value : value.toFixed(value >= 100 ? 0 : 1)} ${UNITS[unit]}`
}

/** `12,345`; `1.7` or `0.042` for a rate below 10. */
export function count(value: number): string {
  return value.toLocaleString(
    'en-US',
    value < 10 ? { maximumSignificantDigits: 2 } : { maximumFractionDigits: 0 },
  )
}

/** `3 h 20 min`, `2 min 5 s`, `7 s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  if (whole < 172_800) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`
}

/** The time since `started`: `80 ms`, `7 s`. */
export function took(started: number): string {
  const elapsed = Date.now() - started
  return elapsed < 1000 ? `${elapsed} ms` : duration(elapsed / 1000)
}

/** `2024-05-01 12:00:00`, in UTC. */
export function time(iso: string | null | undefined): string {
  return iso ? iso.slice(0, 19).replace('T', ' ') : '-'
}

/** Aligns rows in columns, two spaces apart, without trailing padding. The columns in `right` are right-aligned. */
export function columns(rows: readonly (readonly string[])[], right: readonly number[] = []): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, widthOf(cell))
  }
  return rows.map((row) => {
    const last = row.findLastIndex((cell) => cell !== '')
    const cells = row.slice(0, last + 1).map((cell, index) => {
      const fill = ' '.repeat((widths[index] ?? 0) - widthOf(cell))
      if (right.includes(index)) return fill + cell
      return index === last ? cell : cell + fill
    })
    return cells.join('  ')
  })
}

function widthOf(cell: string): number {
  return onOutput(cell).length
}
