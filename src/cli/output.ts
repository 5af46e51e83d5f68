import type { Writable } from 'node:stream'
import { styleText } from 'node:util'

/** Text for people, parts of which may be coloured. */
export type Text = string | Styled | readonly Text[]

interface Styled {
  style: Parameters<typeof styleText>[0]
  text: string
}

/** Rows of aligned columns, two spaces apart. The columns in `right` are right-aligned. */
export interface Table {
  rows: readonly (readonly Text[])[]
  right?: readonly number[]
  /** Rows that are not printed, but count for the widths, so that later rows line up with earlier ones. */
  hidden?: readonly number[]
}

/** Lines and tables; what is false or null is left out. */
export type Lines = readonly (Text | Table | false | null)[]

export type Stream = Writable & { isTTY?: boolean }

/** Coloured on a terminal, unless NO_COLOR is set. */
export function styled(style: Styled['style'], text: string): Styled {
  return { style, text }
}

export interface OutputOptions {
  json?: boolean
  quiet?: boolean
}

export type Output = ReturnType<typeof createOutput>

/** Results go to standard output, everything else to standard error. */
export function createOutput(
  { json = false, quiet = false }: OutputOptions,
  { stdout, stderr }: { stdout: Stream; stderr: Stream },
) {
  const print = (...lines: Lines) => {
    for (const line of lines.flatMap((part) => rendered(part, stdout))) stdout.write(`${line}\n`)
  }
  const record = (value: unknown) => void stdout.write(`${toJson(value)}\n`)
  const report = (document: object, text: string) => void stderr.write(`${json ? toJson(document) : text}\n`)
  const note = (text: string) => {
    if (!quiet) report({ note: text }, escaped(text))
  }
  return {
    json,
    /** Whether progress is shown. */
    quiet: quiet || json,
    stderr,
    /** The result, for people. */
    print,
    /** The result as one line of JSON; several lines make NDJSON. */
    record,
    /** Several results: with --json a document each, otherwise the lines. */
    list(records: readonly unknown[], lines: () => Lines) {
      if (json) records.forEach(record)
      else print(...lines())
    },
    /** Information that is not part of the result; silent with --quiet. */
    note,
    warn(text: string) {
      report({ warning: text }, `${styleText('yellow', 'warning:', { stream: stderr })} ${escaped(text)}`)
    },
    /** The error that ended the command; `document` is printed with --json. */
    error: (lines: readonly string[], document: object) =>
      report({ error: document }, `error: ${lines.map(escaped).join('\n')}`),
    /** A note if Ctrl-C ends the command, on the line below the terminal's `^C`, until the returned function is called. */
    onInterrupt(text: string) {
      const report = () => {
        if (stderr.isTTY) stderr.write('\n')
        note(text)
      }
      process.prependOnceListener('SIGINT', report)
      return () => void process.off('SIGINT', report)
    },
  }
}

function rendered(part: Lines[number], stdout: Stream): string[] {
  if (part === false || part === null) return []
  if (typeof part === 'object' && 'rows' in part) return aligned(part, stdout)
  return [render(part, stdout, true)]
}

/** Escaped on a terminal only: in a file or a pipe, other programs need the exact names. */
function render(text: Text, stdout: Stream, colour: boolean): string {
  if (typeof text === 'string') return stdout.isTTY ? escaped(text) : text
  if (!('style' in text)) return text.map((part) => render(part, stdout, colour)).join('')
  const plain = render(text.text, stdout, false)
  return colour ? styleText(text.style, plain, { stream: stdout }) : plain
}

/** Without trailing padding. */
function aligned({ rows, right = [], hidden = [] }: Table, stdout: Stream): string[] {
  const widths: number[] = []
  const cells = rows.map((row) =>
    row.map((cell, index) => {
      const width = render(cell, stdout, false).length
      widths[index] = Math.max(widths[index] ?? 0, width)
      return { text: render(cell, stdout, true), width }
    }),
  )
  const printed = cells.filter((_, index) => !hidden.includes(index))
  return printed.map((row) => {
    const last = row.findLastIndex(({ width }) => width > 0)
    const padded = row.slice(0, last + 1).map(({ text, width }, index) => {
      const fill = ' '.repeat((widths[index] ?? 0) - width)
      if (right.includes(index)) return fill + text
      return index === last ? text : text + fill
    })
    return padded.join('  ')
  })
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
