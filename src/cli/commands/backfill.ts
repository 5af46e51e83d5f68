import { open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { type Command, Option } from 'commander'
import type { Backfill, Manifest } from '../../client/client.ts'
import { streamTarget } from '../download.ts'
import { CommandError, EXIT, messageOf, usageError } from '../errors.ts'
import { count } from '../output.ts'
import { manyPages } from '../retries.ts'
import { collect, type Session, wholeNumber, type WithSession } from '../session.ts'
import { watchJob } from '../watch-job.ts'
import { backfillLines, backfillTable, dryRunTotal, positionOf } from './backfill-output.ts'

interface StartOptions {
  backend?: string[]
  prefix?: string
  dryRun?: boolean
  maxConcurrency?: number
  maxPerSecond?: number
  manifest?: string
  manifestObject?: string
  manifestBackend?: string
  watch?: boolean
}

export function addBackfill(program: Command, withSession: WithSession): void {
  const backfill = program
    .command('backfill')
    .summary('copy everything that has not been read yet')
    .description('Background jobs that copy what fallbacks hold into the first backend that accepts it.')
  addStart(backfill, withSession)
  backfill
    .command('status')
    .description('Shows one job, or all of them, newest first.')
    .argument('[id]', 'the job; default: all')
    .addHelpText('after', '\nExample:\n  fallback-storage backfill status --json | jq -r .state')
    .action(withSession(status))
  for (const { action, description, examples = '', run } of JOB_COMMANDS) {
    backfill
      .command(action)
      .description(description)
      .argument('[id]', 'default: the newest job')
      .addHelpText('after', `\nExamples:\n  fallback-storage backfill ${action}${examples}`)
      .action(
        withSession(async (session, id: string | undefined) => {
          await run(session, id ?? (await newestJob(session)))
        }),
      )
  }
  addFailures(backfill, withSession)
}

type Run = (session: Session, id: string) => Promise<void>

/** The commands for a job that exists. */
const JOB_COMMANDS: { action: string; description: string; examples?: string; run: Run }[] = [
  {
    action: 'watch',
    description:
      'Shows the progress of a job until it ends. Exit code 3 if it was cancelled or objects failed.',
    run: watch,
  },
  { action: 'pause', description: 'Pauses a job; running copies finish.', run: control('pauseBackfill') },
  { action: 'resume', description: 'Resumes a paused job.', run: control('resumeBackfill') },
  { action: 'cancel', description: 'Ends a job; what it copied stays.', run: control('cancelBackfill') },
  { action: 'retry', description: 'Retries the copies that failed.', run: control('retryFailed') },
]

function control(method: 'pauseBackfill' | 'resumeBackfill' | 'cancelBackfill' | 'retryFailed'): Run {
  return async (session, id) => show(session, await session.client[method](id))
}

function addStart(backfill: Command, withSession: WithSession): void {
  backfill
    .command('start')
    .description(
      'Starts copying everything that fallbacks hold. Reads take priority; nothing is ever overwritten.',
    )
    .option('--backend <backend>', 'only from this fallback; may be repeated', collect)
    .option('--prefix <prefix>', 'only names that begin with this')
    .option('--dry-run', 'wait for a count of objects and bytes and the cost of copying; copies nothing')
    .option('--max-concurrency <count>', 'copies at the same time', wholeNumber)
    .option('--max-per-second <count>', 'copies started per second', wholeNumber)
    .option(
      '--manifest <file>',
      'file of names: one per line, .ndjson, or .csv with a column "name" or "key"; may be gzipped; - for standard input',
    )
    .option(
      '--manifest-object <name>',
      'the same from an object in the chain, or the manifest.json of an S3 Inventory',
    )
    .option('--manifest-backend <backend>', 'read that object from this backend')
    .option('-w, --watch', 'wait for the end and show progress')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage backfill start --dry-run
  fallback-storage backfill start --watch
  fallback-storage backfill start --backend legacy --prefix photos/2019/ --max-concurrency 4
  find . -type f -printf '%P\\n' | fallback-storage backfill start --manifest -
  fallback-storage backfill start --manifest failed.csv
  fallback-storage backfill start --manifest-backend legacy --manifest-object inventory/photos/all/2026-11-28T01-00Z/manifest.json`,
    )
    .action(withSession(start))
}

async function start(session: Session, options: StartOptions): Promise<void> {
  const { client } = session
  const {
    dryRun,
    manifest,
    manifestObject: object,
    manifestBackend: holder,
    watch: shouldWatch = false,
  } = options
  if (manifest !== undefined && object !== undefined)
    throw usageError('--manifest and --manifest-object exclude each other: leave one out')
  if (holder !== undefined && object === undefined)
    throw usageError('--manifest-backend needs --manifest-object: the name of the manifest in it')
  const request = {
    backends: options.backend,
    prefix: options.prefix,
    dry_run: dryRun,
    max_concurrency: options.maxConcurrency,
    max_per_second: options.maxPerSecond,
    manifest: object !== undefined && holder !== undefined ? { name: object, backend: holder } : object,
  }
  const names = manifest === undefined ? undefined : await readManifest(manifest, session)
  const job = await client.startBackfill(request, names)
  // The result is the whole point of a dry run.
  return showStarted(session, job, { watches: shouldWatch || dryRun === true, onlyEnd: !shouldWatch })
}

/** Prints a job that was just started, or waits for its end. */
export async function showStarted(
  session: Session,
  job: Backfill,
  { watches, onlyEnd = false }: { watches: boolean; onlyEnd?: boolean },
): Promise<void> {
  const { output } = session
  if (watches) {
    output.note(`started ${job.id}`)
    return watch(session, job.id, { onlyEnd })
  }
  show(session, job)
  if (!output.json) output.note(`watch it with: fallback-storage backfill watch ${job.id}`)
}

async function readManifest(file: string, { io }: Session): Promise<Manifest> {
  const opened = file === '-' ? null : await open(file).catch(unreadable)
  const stream = opened?.createReadStream() ?? io.stdin
  return {
    // The same stream at run time; Node and fetch declare it as two types.
    body: Readable.toWeb(stream) as ReadableStream<Uint8Array>,
    type: typeOf(file),
  }
}

function typeOf(file: string): Manifest['type'] {
  if (/\.csv(?:\.gz)?$/i.test(file)) return 'text/csv'
  return /\.(?:ndjson|jsonl)(?:\.gz)?$/i.test(file) ? 'application/x-ndjson' : 'text/plain'
}

function unreadable(error: unknown): never {
  throw usageError(`--manifest: ${messageOf(error)}`)
}

async function status(session: Session, id: string | undefined): Promise<void> {
  const { client, output } = session
  if (id !== undefined) return show(session, await client.backfill(id))
  const jobs = await client.backfills()
  if (jobs.length > 0 || output.json) output.list(jobs, () => [backfillTable(jobs)])
  else output.note(NO_JOBS)
}

function show({ output }: Session, job: Backfill): void {
  output.list([job], () => backfillLines(job))
}

/** Waits until the job ends. With --json every change is printed, or with `onlyEnd` only the last one. */
async function watch(session: Session, id: string, { onlyEnd = false } = {}): Promise<void> {
  const { client, output } = session
  const { dry_run: isDryRun, mirror } = await client.backfill(id)
  const total = isDryRun ? undefined : dryRunTotal(await client.backfills(), id)
  const showChanges = output.json && !onlyEnd
  const job = await watchJob({
    label: isDryRun ? 'dry run' : mirror ? 'resync' : 'backfill',
    read: () => client.backfill(id),
    position: (current) => positionOf(current, total),
    output,
    onChange: showChanges ? output.record : undefined,
    reattach: `fallback-storage backfill watch ${id}`,
  })
  if (!showChanges) show(session, job)
  if (job.state !== 'completed') throw new CommandError(EXIT.no)
}

interface FailuresOptions {
  error?: string
  by?: 'error'
  format?: 'csv' | 'ndjson'
}

function addFailures(backfill: Command, withSession: WithSession): void {
  backfill
    .command('failures')
    .description('Lists what could not be copied, and why.')
    .argument('[id]', 'default: the newest job')
    .option('--error <code>', 'only failures with this error')
    .addOption(
      new Option('--by <what>', 'counts by error and backend instead, each with an example')
        .choices(['error'])
        .conflicts('error'),
    )
    .addOption(
      new Option('--format <format>', 'all failures as a file, for `backfill start --manifest`')
        .choices(['csv', 'ndjson'])
        .conflicts('by'),
    )
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage backfill failures --by error
  fallback-storage backfill failures --error denied --json | jq -r .name
  fallback-storage backfill failures --format csv > failed.csv`,
    )
    .action(
      withSession(async (session, id: string | undefined, { error, by, format }: FailuresOptions) => {
        const job = id ?? (await newestJob(session))
        if (format) return exportFailures(session, job, { format, error })
        await (by ? failureCounts(session, job) : failures(session, job, error))
      }),
    )
}

async function exportFailures(
  { client, io }: Session,
  id: string,
  query: { format: 'csv' | 'ndjson'; error: string | undefined },
): Promise<void> {
  const { body } = await client.exportFailures(id, query)
  const target = streamTarget(io.stdout)
  for await (const chunk of body ?? []) await target.write(chunk)
}

async function failureCounts({ client, output }: Session, id: string): Promise<void> {
  const counts = await client.backfillFailureCounts(id)
  if (counts.length === 0) return output.note(NO_FAILURES)
  const rows = counts.map(({ error, backend, count: names, example }) => [
    error,
    backend,
    count(names),
    example,
  ])
  output.list(counts, () => [{ rows: [['error', 'backend', 'names', 'example'], ...rows], right: [2] }])
}

async function failures({ client, output }: Session, id: string, error?: string): Promise<void> {
  let found = 0
  for await (const { failures: page } of manyPages((cursor) =>
    client.backfillFailures(id, { cursor, error }),
  )) {
    const rows = page.map(({ name, backend, error: code, detail, attempts }) => {
      return [name, backend, code, `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`, detail]
    })
    output.list(page, () => [{ rows }])
    found += rows.length
  }
  if (found === 0) output.note(NO_FAILURES)
}

const NO_FAILURES = 'no failures'
const NO_JOBS = 'no backfill has been started yet'

async function newestJob({ client }: Session): Promise<string> {
  const [newest] = await client.backfills()
  if (!newest) throw new CommandError(EXIT.no, NO_JOBS)
  return newest.id
}
