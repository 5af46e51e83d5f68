#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { CommanderError } from 'commander'
import { describeError } from './describe-error.ts'
import { EXIT } from './exit.ts'
import { createProgram } from './program.ts'

process.on('SIGINT', () => process.exit(EXIT.interrupted))
// `fallback-storage ls | head` has read enough, which is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

try {
  await createProgram(version()).parseAsync()
} catch (error) {
  process.exitCode = error instanceof CommanderError ? commanderCode(error) : report(error)
}

/** Commander has said by then what is wrong, or has shown the help that was asked for. */
function commanderCode({ exitCode }: CommanderError): number {
  return exitCode === 0 ? EXIT.ok : EXIT.usage
}

function report(error: unknown): number {
  const { code, lines, document } = describeError(error)
  if (process.argv.includes('--json')) {
    if (lines.length > 0)
      process.stderr.write(`${JSON.stringify({ error: { ...document, exit_code: code } })}\n`)
  } else {
    const [first, ...more] = lines
    if (first !== undefined) process.stderr.write([`error: ${first}`, ...more, ''].join('\n'))
  }
  return code
}

function version(): string {
  const path = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
