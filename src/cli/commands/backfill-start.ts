import { type FileHandle, open } from 'node:fs/promises'
import { Readable } from 'node:stream'
import type { Command } from 'commander'
import { collect, wholeNumber } from '../arguments.ts'
import { usageError } from '../exit.ts'
import type { Manifest } from '../../client/client.ts'
import { type Session, sessionOf } from '../session.ts'
import { backfillLines } from './backfill-lines.ts'

interface StartOptions {
  backend?: string[]
  prefix?: string
  dryRun?: boolean
  maxConcurrency?: number
  maxPerSecond?: number
  manifest?: string
  manifestObject?: string
  watch?: boolean
}

type Watch = (session: Session, id: string, options?: { onlyEnd?: boolean }) => Promise<void>

export function addBackfillStart(backfill: Command, watch: Watch): void {
  backfill
    .command('start')
    .description(
      'Starts copying everything that fallbacks hold. Reads take priority; nothing is ever overwritten.',
    )
    .option('--backend <name>', 'only from this fallback; may be repeated', collect)
    .option('--prefix <prefix>', 'only names that begin with this')
    .option('--dry-run', 'wait for a count of objects and bytes and what copying would cost; copies nothing')
    .option('--max-concurrency <count>', 'copies at the same time', wholeNumber)
    .option('--max-per-second <count>', 'copies started per second', wholeNumber)
    .option('--manifest <file>', 'file of names, one per line (text or .ndjson); - for standard input')
    .option('--manifest-object <name>', 'the same, from an object of the chain')
    .option('-w, --watch', 'wait for the end and show progress')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage backfill start --dry-run
  fallback-storage backfill start --watch
  fallback-storage backfill start --backend legacy --prefix photos/2019/ --max-concurrency 4
  find . -type f -printf '%P\\n' | fallback-storage backfill start --manifest -`,
    )
    .action(async (options: StartOptions, command: Command) => {
      await start(sessionOf(command), options, watch)
    })
}

async function start(session: Session, options: StartOptions, watch: Watch): Promise<void> {
  const { client, output } = session
  const { backend, prefix, dryRun, maxConcurrency, maxPerSecond, manifest, manifestObject } = options
  if (manifest !== undefined && manifestObject !== undefined) {
    throw usageError('--manifest and --manifest-object exclude each other: leave one out')
  }
  const request = {
    ...(backend && { backends: backend }),
    ...(prefix !== undefined && { prefix }),
    ...(dryRun && { dry_run: true }),
    ...(maxConcurrency !== undefined && { max_concurrency: maxConcurrency }),
    ...(maxPerSecond !== undefined && { max_per_second: maxPerSecond }),
    ...(manifestObject !== undefined && { manifest: manifestObject }),
  }
  const job = await client.startBackfill(
    request,
    manifest === undefined ? undefined : await manifestFrom(manifest),
  )
  // A dry run is done for its result.
  if (options.watch || dryRun) {
    output.note(`started ${job.id}`)
    return watch(session, job.id, { onlyEnd: !options.watch })
  }
  if (output.json) return output.record(job)
  for (const line of backfillLines(job)) output.line(line)
  output.note(`watch it with: fallback-storage backfill watch ${job.id}`)
}

async function manifestFrom(file: string): Promise<Manifest> {
  const stream = file === '-' ? process.stdin : (await opened(file)).createReadStream()
  return {
    // Node's own stream type and the one of fetch are the same object under two names.
    body: Readable.toWeb(stream) as ReadableStream<Uint8Array>,
    type: /\.(?:ndjson|jsonl)$/.test(file) ? 'application/x-ndjson' : 'text/plain',
  }
}

function opened(file: string): Promise<FileHandle> {
  return open(file).catch((error: unknown) => {
    throw usageError(`--manifest: ${error instanceof Error ? error.message : String(error)}`)
  })
}
