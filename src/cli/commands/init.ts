import { randomBytes } from 'node:crypto'
import { relative, resolve, sep } from 'node:path'
import { type Command, Option } from 'commander'
import { type Check, showChecks } from '../checks.ts'
import { CommandError, EXIT, usageError } from '../errors.ts'
import { checkFolder, checkSetup, writeProject } from '../init/files.ts'
import { openQuestions, type Questions } from '../init/questions.ts'
import type { Setup, Source, Trial } from '../init/setup.ts'
import {
  type Answers,
  bucketProblem,
  bucketSource,
  originSource,
  type SourceOptions,
  urlProblem,
  withPassword,
} from '../init/sources.ts'
import { tryBucket } from '../init/try-bucket.ts'
import { tryOrigin } from '../init/try-origin.ts'
import { PACKAGE } from '../packaged-worker.ts'
import { type Io, type Local, type WithSession, withLocal } from '../session.ts'

interface InitOptions extends SourceOptions {
  bucket?: string
  migrate?: boolean
  placeholder?: boolean
  dir: string
  check: boolean
  yes?: boolean
  force?: boolean
}

export function addInit(program: Command, _: WithSession, io: Io): void {
  program
    .command('init')
    .summary('set up a project: where the media are now, and where they should be')
    .description(
      'Asks where the media are now, or takes it from the options, tries to reach them with one or two read-only\n' +
        'requests, and writes wrangler.toml and .dev.vars. Nothing is replaced without --force.',
    )
    .option('--from <url>', 'a web server that has the media, e.g. https://www.example.com/media/')
    .option('--s3 <endpoint>', 'an S3 server that has them, e.g. https://s3.eu-central-1.amazonaws.com')
    .option('--s3-bucket <name>', 'its bucket')
    .option('--s3-region <region>', 'its region, if the server does not report it')
    .addOption(new Option('--s3-addressing <style>', 'how it is addressed').choices(['path', 'virtual']))
    .option('--bucket <name>', 'the R2 bucket that comes first (default: media)')
    .option('--migrate', 'copy to R2 what is read; without it, the media stay where they are')
    .option('--placeholder', 'for development: a placeholder for pictures that no backend has')
    .option('--dir <folder>', 'the folder of the project', '.')
    .option('--no-check', 'write the files without trying to reach anything')
    .option('--force', 'replace files that exist')
    .option('-y, --yes', 'ask nothing')
    .addHelpText(
      'after',
      `
The credentials of an S3 bucket are asked for, or read from LEGACY_ACCESS_KEY_ID and
LEGACY_SECRET_ACCESS_KEY, or from the same variables with AWS instead of LEGACY. A user and a password for
a web server are read from LEGACY_BASIC_AUTH (user:password). Without --migrate, it is PRODUCTION, not LEGACY.

Examples:
  npx fallback-storage init
  npx fallback-storage init --from https://www.example.com/media/ --yes
  npx fallback-storage init --s3 https://s3.eu-central-1.amazonaws.com --s3-bucket old-media --migrate --yes`,
    )
    .action(withLocal(io, init))
}

async function init({ output, io }: Local, options: InitOptions): Promise<void> {
  const folder = resolve(options.dir)
  checkFolder(folder, options)
  const questions = options.yes ? undefined : openTerminal(io)
  try {
    const setup = await ask(options, { env: io.env, questions })
    if (options.check && !(await showChecks(tryAll(setup, questions), output))) await confirmFailed(questions)
    checkSetup(setup)
    const files = await writeProject(folder, setup, randomBytes(24).toString('base64url'))
    if (output.json) output.record({ folder, files })
    else output.print(...nextSteps(folder, files))
  } finally {
    questions?.close()
  }
}

function openTerminal(io: Io): Questions {
  if ('isTTY' in io.stdin && io.stdin.isTTY === true) return openQuestions(io)
  throw usageError(
    'there is no terminal to ask questions on: give --yes, and --from URL or --s3 ENDPOINT --s3-bucket NAME',
  )
}

async function ask(options: InitOptions, answers: Answers): Promise<Setup> {
  const { questions } = answers
  let { from, s3, s3Bucket, bucket, migrate } = options
  if (questions) {
    migrate ??= (await questions.choose('What do you want to do?', PURPOSES)) === 'migrate'
    if (from === undefined && s3 === undefined) {
      if ((await questions.choose('Where are the media now?', PLACES)) === 'from')
        from = await questions.text('Its URL', { problem: urlProblem })
      else s3 = await questions.text('Its endpoint', { problem: urlProblem })
    }
    if (s3 !== undefined) s3Bucket ??= await questions.text('Its bucket', { problem: notEmpty })
    bucket ??= await questions.text('R2 bucket that comes first', {
      initial: 'media',
      problem: bucketProblem,
    })
  }
  bucket ??= 'media'
  const problem = bucketProblem(bucket)
  if (problem !== null) throw usageError(`--bucket ${problem}`)
  if (s3 !== undefined && s3Bucket === undefined) throw usageError('--s3 needs --s3-bucket')
  const name = migrate ? 'legacy' : 'production'
  const sources: Source[] = []
  if (from !== undefined) sources.push(originSource(from, name, answers))
  if (s3 !== undefined) {
    const own = sources.length === 0 ? name : `${name}_s3`
    sources.push(await bucketSource({ ...options, s3, s3Bucket }, own, answers))
  }
  if (sources.length === 0)
    throw usageError('where are the media now? Give --from URL, or --s3 ENDPOINT --s3-bucket NAME')
  return { bucket, sources, migrate: migrate ?? false, placeholder: options.placeholder ?? false }
}

const PURPOSES = {
  develop: 'use the media of production while developing; production is only read',
  migrate: 'move the media to R2; what is read is copied there',
}

const PLACES = { from: 'on a web server', s3: 'in an S3 bucket' }

function notEmpty(answer: string): string | null {
  return answer === '' ? 'must not be empty' : null
}

/** Tries each source, and adds what its server reported to its settings. */
async function* tryAll(setup: Setup, questions: Questions | undefined): AsyncGenerator<Check> {
  for (const [index, given] of setup.sources.entries()) {
    let source = given
    let trial = await trySource(source)
    if (trial.needsPassword && questions) {
      const user = await questions.text(`User name for ${String(source.table['url'])}`)
      source = withPassword(source, `${user}:${await questions.secret('Password')}`)
      trial = await trySource(source)
    }
    setup.sources[index] = { ...source, table: { ...source.table, ...trial.learned } }
    yield trial.check
  }
}

function trySource(source: Source): Promise<Trial> {
  return source.table['type'] === 's3' ? tryBucket(source) : tryOrigin(source)
}

async function confirmFailed(questions: Questions | undefined): Promise<void> {
  if (await questions?.confirm('Write the configuration anyway?')) return
  const hint = questions ? '' : '. --no-check writes the files without trying to reach anything'
  throw new CommandError(EXIT.failed, `nothing was written${hint}`)
}

/** Whether npm could not find this package by its name, because it was not installed by it. */
function isClone(): boolean {
  return !PACKAGE.split(sep).includes('node_modules')
}

function nextSteps(folder: string, files: readonly string[]): string[] {
  const path = relative('.', folder)
  return [
    '',
    `Wrote ${files.join(', ')}. Next:`,
    ...(path === '' ? [] : [`  cd ${path}`]),
    ...(path !== '' && isClone() ? [`  npm install ${relative(folder, PACKAGE)}`] : []),
    '  npx fallback-storage dev       runs the Worker here and prints the address of its dashboard',
    '  npx fallback-storage deploy    deploys it to Cloudflare',
  ]
}
