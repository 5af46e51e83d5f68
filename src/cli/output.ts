import { styleText } from 'node:util'

/** Where a command says what: results on standard output, everything else on standard error. */
export interface Output {
  readonly json: boolean
  readonly quiet: boolean
  /** A line of the result, for people. */
  line(text: string): void
  /** The result as one JSON document; one a line makes NDJSON. */
  record(value: unknown): void
  /** Something beside the result; silent with --quiet. */
  note(text: string): void
  warn(text: string): void
}

type Style = Parameters<typeof styleText>[0]

export function createOutput({ json = false, quiet = false }: { json?: boolean; quiet?: boolean }): Output {
  const note = (text: string) => {
    if (!quiet) process.stderr.write(`${text}\n`)
  }
  return {
    json,
    quiet,
    line: (text) => void process.stdout.write(`${text}\n`),
    record: (value) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    note,
    warn: (text) =>
      void process.stderr.write(`${styleText('yellow', 'warning:', { stream: process.stderr })} ${text}\n`),
  }
}

/** Coloured where standard output is a terminal and NO_COLOR is not set. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout })
}
