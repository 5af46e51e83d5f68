#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { describeError, EXIT } from './errors.ts'
import { reportError } from './output.ts'
import { createProgram } from './program.ts'

process.on('SIGINT', () => process.exit(EXIT.interrupted))
// `fallback-storage ls | head` closes the pipe early, which is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

const json = wantsJson(process.argv.slice(2))
try {
  await createProgram(version(), { json }).parseAsync()
} catch (error) {
  const { code, lines, document } = describeError(error)
  if (lines.length > 0) reportError(lines, { ...document, exit_code: code }, json)
  process.exitCode = code
}

/** Works for command lines that cannot be parsed, too. What follows `--` is a name. */
function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return args.slice(0, end === -1 ? undefined : end).includes('--json')
}

function version(): string {
  const path = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
