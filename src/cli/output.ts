import { styleText } from 'node:util'
import { escaped, onOutput } from './format.ts'

/** Text for people, parts of which may be coloured. */
export type Text = string | Styled | readonly Text[]

interface Styled {
  style: Parameters<typeof styleText>[0]
  text: string
}

/** Text that is coloured where it is printed on a terminal and NO_COLOR is not set. */
export function styled(style: Styled['style'], text: string): Styled {
  return { style, text }
}

/** Where a command says what: results on standard output, everything else on standard error. */
export interface Output {
  readonly json: boolean
  readonly quiet: boolean
  /** A line of the result, for people. */
  line(text: Text): void
  /** The result as one JSON document; one a line makes NDJSON. */
  record(value: unknown): void
  /** Something beside the result; silent with --quiet. */
  note(text: string): void
  warn(text: string): void
  /** A note when Ctrl-C ends the command, below the terminal's `^C`. */
  interrupted(text: string): void
}

export function createOutput({ json = false, quiet = false }: { json?: boolean; quiet?: boolean }): Output {
  const note = (text: string) => {
    if (!quiet) complain(json ? toJson({ note: text }) : escaped(text))
  }
  return {
    json,
    quiet,
    line: (text) => void process.stdout.write(`${render(text)}\n`),
    record: (value) => void process.stdout.write(`${toJson(value)}\n`),
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

/** What ended the command; `document` is for programs. */
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

/** What JSON may hold as it is and a terminal must not get is written as `\u` escapes, which mean the same. */
function toJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u2028\u2029\p{Bidi_Control}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
