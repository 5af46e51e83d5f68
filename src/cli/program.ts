import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { addBackfill } from './commands/backfill.ts'
import { addCache } from './commands/cache.ts'
import { addCompletion } from './commands/completion.ts'
import { addCp, addSync } from './commands/cp.ts'
import { addDependence } from './commands/dependence.ts'
import { addDeploy } from './commands/deploy.ts'
import { addDiff } from './commands/diff.ts'
import { addDoctor } from './commands/doctor.ts'
import { addDev } from './commands/dev.ts'
import { addGet } from './commands/get.ts'
import { addInit } from './commands/init.ts'
import { addMirrors } from './commands/mirrors.ts'
import { addExplain, addLs, addRm } from './commands/objects.ts'
import { addProfile } from './commands/profile.ts'
import { addPut } from './commands/put.ts'
import { addConflicts, addEvents } from './commands/source-changes.ts'
import { addTail } from './commands/tail.ts'
import { addTombstones, addUndelete } from './commands/tombstones.ts'
import { addRestore, addVersions } from './commands/prior-versions.ts'
import { addUrl } from './commands/url.ts'
import { addCertificate } from './commands/certificate.ts'
import { addVerify } from './commands/verify.ts'
import { describeError } from './errors.ts'
import { createOutput } from './output.ts'
import { addGlobalOptions, createWithSession, type Io } from './session.ts'

const EXIT_CODES = `
Exit codes: 0 done · 1 something failed · 2 wrong usage · 3 the answer is no (not found, not safe to
detach or roll back, finished with failures) · 4 the token is missing or refused · 130 interrupted

Examples:
  export FALLBACK_STORAGE_URL=https://media.example.com/ FALLBACK_STORAGE_TOKEN=…
  fallback-storage doctor
  fallback-storage ls -l photos/
  fallback-storage backfill start --watch && fallback-storage verify`

/** In the order in which --help lists them. */
const COMMANDS = [
  addInit,
  addDev,
  addDeploy,
  addLs,
  addGet,
  addPut,
  addCp,
  addSync,
  addRm,
  addUrl,
  addExplain,
  addDiff,
  addBackfill,
  addVerify,
  addCertificate,
  addMirrors,
  addEvents,
  addConflicts,
  addDependence,
  addDoctor,
  addTail,
  addTombstones,
  addUndelete,
  addVersions,
  addRestore,
  addCache,
  addProfile,
  addCompletion,
]

/** Runs one command line, reports its error, and returns the exit code. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  // Works for command lines that cannot be parsed, too. What follows `--` is a name.
  const end = args.indexOf('--')
  const json = args.slice(0, end === -1 ? undefined : end).includes('--json')
  try {
    await createProgram(io, { json }).parseAsync(args, { from: 'user' })
    return 0
  } catch (error) {
    const { code, lines, document } = describeError(error)
    if (lines.length > 0) createOutput({ json }, io).error(lines, { ...document, exit_code: code })
    return code
  }
}

/** The whole command line; errors are thrown. With `json`, Commander prints no usage text of its own. */
export function createProgram(io: Io, { json = false } = {}): Command {
  const program = new Command('fallback-storage')
    .description('Manages a fallback-storage deployment: its objects, its migration and its health.')
    .version(version())
    .addHelpText('after', EXIT_CODES)
    .configureHelp({ showGlobalOptions: true })
    // Commands inherit these two when they are added, so they come first.
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => json || io.stderr.write(text),
      outputError: () => {},
    })
  addGlobalOptions(program)
  for (const add of COMMANDS) add(program, createWithSession(io), io)
  return program
}

function version(): string {
  const path = new URL('../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}
