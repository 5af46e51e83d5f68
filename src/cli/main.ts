#!/usr/bin/env node
import { EXIT } from './errors.ts'
import { run } from './program.ts'

process.on('SIGINT', () => process.exit(EXIT.interrupted))
// `fallback-storage ls | head` closes the pipe early, which is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok)
  throw error
})

process.exitCode = await run(process.argv.slice(2), process)
