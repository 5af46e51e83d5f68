import type { Command } from 'commander'
import { CommandError, EXIT } from '../exit.ts'
import type { Backfill } from '../../client/client.ts'
import { watchJob } from '../job-progress.ts'
import { type Session, sessionOf } from '../session.ts'
import { addBackfillStart } from './backfill-start.ts'
import { addBackfillFailures } from './backfill-failures.ts'
import { dryRunTotal, positionOf } from './backfill-position.ts'
import { backfillLines, backfillTable, isOver } from './backfill-lines.ts'

const NEWEST = 'default: the newest job'

export function addBackfill(program: Command): void {
  const backfill = program
    .command('backfill')
    .summary('copy everything that has not been read yet')
    .description('Background jobs that copy what fallbacks hold into the first backend that accepts it.')
  addBackfillStart(backfill, watch)
  backfill
    .command('status')
    .description('Shows one job, or all of them, newest first.')
    .argument('[id]', 'the job; default: all')
    .addHelpText('after', '\nExample:\n  fallback-storage backfill status --json | jq -r .state')
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      await status(sessionOf(command), id)
    })
  backfill
    .command('watch')
    .description(
      'Shows the progress of a job until it ends. Exit code 3 if it was cancelled or objects failed.',
    )
    .argument('[id]', NEWEST)
    .addHelpText('after', '\nExample:\n  fallback-storage backfill watch')
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      const session = sessionOf(command)
      await watch(session, await idOf(session, id))
    })
  addControls(backfill)
  addBackfillFailures(backfill, idOf)
}

const CONTROLS = [
  { action: 'pause', method: 'pauseBackfill', does: 'Pauses a job; copies under way are finished.' },
  { action: 'resume', method: 'resumeBackfill', does: 'Resumes a paused job.' },
  { action: 'cancel', method: 'cancelBackfill', does: 'Ends a job for good; what it copied stays.' },
  { action: 'retry', method: 'retryFailed', does: 'Tries again to copy what failed.' },
] as const

function addControls(backfill: Command): void {
  for (const { action, method, does } of CONTROLS) {
    backfill
      .command(action)
      .description(does)
      .argument('[id]', NEWEST)
      .addHelpText('after', `\nExample:\n  fallback-storage backfill ${action}`)
      .action(async (id: string | undefined, _options: unknown, command: Command) => {
        const session = sessionOf(command)
        show(session, await session.client[method](await idOf(session, id)))
      })
  }
}

async function status(session: Session, id: string | undefined): Promise<void> {
  const { client, output } = session
  if (id !== undefined) return show(session, await client.backfill(id))
  const jobs = await client.backfills()
  if (output.json) for (const job of jobs) output.record(job)
  else if (jobs.length === 0) output.note('no backfill was ever started')
  else for (const line of backfillTable(jobs)) output.line(line)
}

function show({ output }: Session, job: Backfill): void {
  if (output.json) output.record(job)
  else for (const line of backfillLines(job)) output.line(line)
}

/** Waits for a job's end. With --json every change is a document, or with `onlyEnd` just the last one. */
async function watch(session: Session, id: string, { onlyEnd = false } = {}): Promise<void> {
  const { client, output } = session
  const { dry_run: isDryRun } = await client.backfill(id)
  const total = isDryRun ? undefined : dryRunTotal(await client.backfills(), id)
  const job = await watchJob({
    label: isDryRun ? 'dry run' : 'backfill',
    read: () => client.backfill(id),
    isOver,
    position: (read) => positionOf(read, total),
    output: onlyEnd ? { ...output, json: false, quiet: output.quiet || output.json } : output,
    again: `fallback-storage backfill watch ${id}`,
  })
  if (onlyEnd || !output.json) show(session, job)
  if (job.state !== 'completed') throw new CommandError(EXIT.no)
}

async function idOf({ client }: Session, id: string | undefined): Promise<string> {
  if (id !== undefined) return id
  const [newest] = await client.backfills()
  if (!newest) throw new CommandError(EXIT.no, 'no backfill was ever started')
  return newest.id
}
