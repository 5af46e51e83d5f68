import { Command } from 'commander'
import { addBackfill } from './commands/backfill.ts'
import { addDoctor } from './commands/doctor.ts'
import { addExplain } from './commands/explain.ts'
import { addGet } from './commands/get.ts'
import { addLs } from './commands/ls.ts'
import { addPut } from './commands/put.ts'
import { addRm } from './commands/rm.ts'
import { addTombstones } from './commands/tombstones.ts'
import { addUndelete } from './commands/undelete.ts'
import { addVerify } from './commands/verify.ts'
import { addGlobalOptions } from './session.ts'

const EXIT_CODES = `
Exit codes: 0 done · 1 something failed · 2 the command is wrong · 3 the answer is no (not there, not safe to
detach, ended with failures) · 4 the token is missing or refused · 130 interrupted

Examples:
  export FALLBACK_STORAGE_URL=https://media.example.com/ FALLBACK_STORAGE_TOKEN=…
  fallback-storage doctor
  fallback-storage ls -l photos/
  fallback-storage backfill start --watch && fallback-storage verify`

/** All commands; running one throws what went wrong. With `json`, no usage is shown in its place. */
export function createProgram(version: string, { json = false } = {}): Command {
  const program = new Command('fallback-storage')
    .description('Looks after a fallback-storage deployment: its objects, its migration, its health.')
    .version(version)
    .addHelpText('after', EXIT_CODES)
    .configureHelp({ showGlobalOptions: true })
    // Commands take over how errors are thrown and help is shown, so both come before them.
    .exitOverride()
    .configureOutput({ outputError: () => {}, ...(json && { writeErr: () => {} }) })
  addGlobalOptions(program)
  for (const add of [addLs, addGet, addPut, addRm, addExplain, addBackfill, addVerify, addDoctor])
    add(program)
  addTombstones(program)
  addUndelete(program)
  return program
}
