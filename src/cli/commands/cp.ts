import { lstat, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import type { Command } from 'commander'
import type { Client } from '../../client/client.ts'
import { fileFor } from '../download.ts'
import { CommandError, EXIT, ifMissing, messageOf, usageError } from '../errors.ts'
import { bytes, count, took } from '../output.ts'
import {
  collect,
  createSession,
  type Io,
  type Local,
  wholeNumber,
  withLocal,
  type WithSession,
} from '../session.ts'
import type { LocalFile } from '../transfer/local-files.ts'
import { parseLocation } from '../transfer/location.ts'
import {
  type Counted,
  folderTransfer,
  type Sides,
  singleTransfer,
  type TransferOptions,
} from '../transfer/sides.ts'
import { headStored } from '../transfer/stored-objects.ts'
import { deleteExtra, type Summary, type Transfer, transferAll } from '../transfer/transfer.ts'

const LOCATIONS =
  'One side is a file or a folder, the other `PROFILE:NAME` or `PROFILE:PREFIX/`; without a profile, `:PREFIX/`\n' +
  'is in the deployment of --url or the environment.'

export function addCp(program: Command, _: WithSession, io: Io): void {
  transferCommand(program, 'cp')
    .summary('copy files to a deployment, or objects to a folder')
    .description(
      `Copies a file or the contents of a folder to a deployment, or the other way round. ${LOCATIONS}\n` +
        'What is equal is skipped, so an interrupted copy continues when it is run again. What was changed at the\n' +
        'destination in the meantime is not overwritten.',
    )
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage cp ./photos production:photos/
  fallback-storage cp production:photos/ ./photos --include '*.jpg'
  fallback-storage cp harbour.jpg :photos/ --dry-run`,
    )
    .action(withLocal(io, cp))
}

export function addSync(program: Command, _: WithSession, io: Io): void {
  transferCommand(program, 'sync')
    .option('--delete', 'delete what only the destination has, once everything else has succeeded')
    .summary('make a prefix equal to a folder, or a folder to a prefix')
    .description(`The same as cp for whole folders, and with --delete. ${LOCATIONS}`)
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage sync ./public/media production:media/ --delete --dry-run
  fallback-storage sync production:photos/ ./backup/photos --exclude 'cache/**'`,
    )
    .action(withLocal(io, sync))
}

function transferCommand(program: Command, name: string): Command {
  return program
    .command(name)
    .argument('<source>', 'what is copied: ./folder, PROFILE:PREFIX/ or :PREFIX/')
    .argument('<destination>', 'where to: the other one of them')
    .option('--include <pattern>', 'only these names: *.jpg, 2024/**; may be repeated', collect)
    .option('--exclude <pattern>', 'not these names; may be repeated', collect)
    .option('--dry-run', 'print what would be done, and do nothing')
    .option('--max-concurrency <count>', 'transfers at the same time', wholeNumber, 4)
}

async function cp(
  local: Local,
  source: string,
  destination: string,
  options: TransferOptions,
): Promise<void> {
  const sides = connect(local, source, destination)
  const { client, direction, path, prefix } = sides
  const isObject = direction === 'download' && prefix !== '' && !prefix.endsWith('/')
  if (isObject) return copyObject(local, { client, name: prefix, destination: path, options })
  if (direction === 'upload' && (await isFile(path)))
    return copyFile(local, { client, path, prefix, options })
  await run(local, folderTransfer(local.output, sides, options), options)
}

async function sync(
  local: Local,
  source: string,
  destination: string,
  options: TransferOptions,
): Promise<void> {
  const sides = connect(local, source, destination)
  const { direction, path, prefix } = sides
  if (direction === 'upload' && (await isFile(path)))
    throw usageError(`sync needs a folder, and ${path} is a file: use cp`)
  if (direction === 'download' && prefix !== '' && !prefix.endsWith('/'))
    throw usageError(`sync needs a prefix that ends in "/": ${source}/`)
  await run(local, folderTransfer(local.output, sides, options), options)
}

function connect({ io, globals }: Local, source: string, destination: string): Sides {
  const [from, to] = [parseLocation(source), parseLocation(destination)]
  if ('prefix' in from && 'prefix' in to)
    throw usageError(
      'objects are copied from or to a folder only: copy them to a folder, and from there to the other prefix or deployment',
    )
  const [store, local] = 'prefix' in from ? [from, to] : [to, from]
  if (!('prefix' in store) || !('path' in local)) {
    throw usageError(
      'one side must be a folder and the other a deployment: production:photos/, or :photos/ without a profile',
    )
  }
  const { profile, prefix } = store
  const { client } = createSession({ ...globals, ...(profile !== undefined && { profile }) }, io)
  return { client, direction: store === from ? 'download' : 'upload', path: local.path, prefix }
}

/** Whether it is a file; throws if it is no folder either. */
async function isFile(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: unknown) => {
    throw usageError(messageOf(error))
  })
  if (!found.isFile() && !found.isDirectory()) throw usageError(`${path} is neither a file nor a folder`)
  return found.isFile()
}

async function copyFile(
  local: Local,
  {
    client,
    path,
    prefix,
    options,
  }: { client: Client; path: string; prefix: string; options: TransferOptions },
): Promise<void> {
  const name = prefix === '' || prefix.endsWith('/') ? prefix + basename(path) : prefix
  const right = await headStored(client, name)
  const left = await localFile(path, stat)
  const pair = { name: basename(path), ...(left && { left }), ...(right && { right }) }
  const about = {
    output: local.output,
    client,
    direction: 'upload',
    root: dirname(path),
    name,
    options,
  } as const
  await run(local, singleTransfer(about, pair), options)
}

async function copyObject(
  local: Local,
  {
    client,
    name,
    destination,
    options,
  }: { client: Client; name: string; destination: string; options: TransferOptions },
): Promise<void> {
  const path = await fileFor(name, destination)
  const right = await headStored(client, name)
  if (!right) throw new CommandError(EXIT.no, `there is no object "${name}"; a prefix ends in "/"`)
  const left = await localFile(path, lstat)
  const pair = { name: basename(path), ...(left && { left }), right }
  const about = {
    output: local.output,
    client,
    direction: 'download',
    root: dirname(path),
    name,
    options,
  } as const
  await run(local, singleTransfer(about, pair), options)
}

/** The file at a path, as `stat` or `lstat` describes it; undefined if there is none, or something else. */
async function localFile(path: string, read: typeof stat | typeof lstat): Promise<LocalFile | undefined> {
  const found = await read(path).catch(ifMissing)
  return found?.isFile() ? { name: basename(path), size: found.size, modified: found.mtime } : undefined
}

async function run({ output }: Local, transfer: Counted, options: TransferOptions): Promise<void> {
  const started = Date.now()
  const stopListening = output.onInterrupt('Interrupted. Run the same command again to continue.')
  try {
    const summary = await transferAll(transfer)
    summary.failed += transfer.unread
    if (transfer.found === 0 && (transfer.direction === 'download' || options.delete))
      throw new CommandError(EXIT.no, 'the source is empty: check its name')
    if (options.delete && summary.failed > 0)
      output.warn('nothing was deleted, because not everything could be transferred')
    else if (options.delete) await deleteExtra(transfer, summary)
    report(transfer, summary, started)
    if (summary.failed > 0) throw new CommandError(EXIT.failed)
  } finally {
    stopListening()
  }
}

function report({ output, direction, dryRun }: Transfer, summary: Summary, started: number): void {
  if (output.json) return output.record({ action: 'summary', dry_run: dryRun, ...summary })
  const { transferred, skipped, deleted, failed } = summary
  const parts = [
    `${count(transferred)} ${dryRun ? 'to ' : ''}${direction}${dryRun ? '' : 'ed'} (${bytes(summary.bytes)})`,
    `${count(skipped)} equal`,
    deleted > 0 && `${count(deleted)} ${dryRun ? 'to delete' : 'deleted'}`,
    failed > 0 && `${count(failed)} failed`,
  ]
  output.note(`${parts.filter(Boolean).join(', ')} in ${took(started)}`)
}
