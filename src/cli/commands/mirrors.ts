import type { Command } from 'commander'
import { count, duration, time } from '../output.ts'
import { type Session, wholeNumber, type WithSession } from '../session.ts'
import { showStarted } from './backfill.ts'

interface ResyncOptions {
  prefix?: string
  maxConcurrency?: number
  maxPerSecond?: number
  watch?: boolean
}

export function addMirrors(program: Command, withSession: WithSession): void {
  const mirrors = program
    .command('mirrors')
    .summary('see how far the mirrors have followed the primary, and repair them')
    .description('Shows how far each mirror has followed the primary.')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage mirrors
  fallback-storage mirrors resync legacy --watch && fallback-storage verify --rollback`,
    )
    .action(withSession(list))
  mirrors
    .command('resync')
    .description(
      'Makes a mirror equal to the primary. The job is a backfill: see `fallback-storage backfill`.',
    )
    .argument('<backend>', 'the mirror')
    .option('--prefix <prefix>', 'only names that begin with this')
    .option('--max-concurrency <count>', 'copies at the same time', wholeNumber)
    .option('--max-per-second <count>', 'copies started per second', wholeNumber)
    .option('-w, --watch', 'wait for the end and show progress')
    .addHelpText('after', '\nExample:\n  fallback-storage mirrors resync legacy --watch')
    .action(withSession(resync))
}

async function list({ client, output }: Session): Promise<void> {
  const mirrors = await client.mirrors()
  if (mirrors.length === 0 && !output.json) return output.note('no backend is a mirror')
  const rows = mirrors.map(
    ({ name, pending, failed, oldest_pending_seconds: age, last_resync: resynced }) => [
      name,
      count(pending),
      age === null ? '-' : duration(age),
      count(failed),
      resynced === null ? 'never' : time(resynced),
    ],
  )
  const head = ['mirror', 'pending', 'oldest', 'failed', 'last resync']
  const failures = mirrors.flatMap(({ name, failures }) =>
    failures.map(({ name: object, error, detail, attempts }) => [
      name,
      error,
      object,
      `${detail} (attempts: ${count(attempts)})`,
    ]),
  )
  output.list(mirrors, () => [
    { rows: [head, ...rows], right: [1, 2, 3] },
    failures.length > 0 && '',
    { rows: failures },
  ])
}

async function resync(session: Session, mirror: string, options: ResyncOptions): Promise<void> {
  const { prefix, maxConcurrency, maxPerSecond, watch = false } = options
  const request = { prefix, max_concurrency: maxConcurrency, max_per_second: maxPerSecond }
  return showStarted(session, await session.client.resyncMirror(mirror, request), { watches: watch })
}
