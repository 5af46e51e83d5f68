import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Client } from '../../client/client.ts'
import { describeError, isRefusal } from '../errors.ts'
import { bytes, count, type Output } from '../output.ts'
import { createProgress } from '../progress.ts'
import { concurrently } from './concurrently.ts'
import { downloadFile } from './download-file.ts'
import { isEqual } from './is-equal.ts'
import type { Pair } from './join.ts'
import { type LocalFile, unsafeReason } from './local-files.ts'
import { confirmListed, headStored, onlyReplacing, type StoredObject } from './stored-objects.ts'
import { uploadFile } from './upload-file.ts'

/** What a folder and a deployment have under a name. */
export type Both = Pair<LocalFile, StoredObject>

/** A folder and the names of a deployment that correspond to its files. */
export interface Transfer {
  direction: 'upload' | 'download'
  client: Client
  output: Output
  /** The local folder. */
  root: string
  /** The object that corresponds to a file. */
  nameOf: (file: string) => string
  /** Both sides, in order; `isStrict` throws rather than leave anything out. */
  pairs: (options: { isStrict: boolean }) => AsyncIterable<Both>
  /** Whether the listing lacks what backends hold that cannot list; known once it has begun. */
  isPartial: () => boolean
  dryRun: boolean
  maxConcurrency: number
}

/** What was done, or would be. */
export interface Summary {
  transferred: number
  bytes: number
  /** Equal on both sides. */
  skipped: number
  deleted: number
  failed: number
}

/** Transfers what is missing or different at the destination; a failure of one name does not stop the others. */
export async function transferAll(transfer: Transfer): Promise<Summary> {
  const { direction, output, pairs, maxConcurrency } = transfer
  const summary: Summary = { transferred: 0, bytes: 0, skipped: 0, deleted: 0, failed: 0 }
  const progress = createProgress({ label: direction, show: bytes }, output)
  let moved = 0
  const onBytes = (size: number) => {
    moved += size
    progress.update({
      value: moved,
      note: `${count(summary.transferred)} done, ${count(summary.skipped)} equal`,
    })
  }
  try {
    await concurrently(pairs({ isStrict: false }), maxConcurrency, (pair) =>
      attempt(transfer, summary, { action: direction, pair }, () =>
        direction === 'upload' ? upload(transfer, pair, onBytes) : download(transfer, pair, onBytes),
      ).finally(() => onBytes(0)),
    )
  } finally {
    progress.end()
  }
  return summary
}

/** Deletes what only the destination has. Throws before anything is deleted because of a side that was not listed. */
export async function deleteExtra(transfer: Transfer, summary: Summary): Promise<void> {
  const { direction, client, root, nameOf, dryRun, maxConcurrency, pairs } = transfer
  await concurrently(pairs({ isStrict: true }), maxConcurrency, (pair) =>
    attempt(transfer, summary, { action: 'delete', pair }, async () => {
      const { left: file, right: object } = pair
      if (direction === 'download' ? object || !file : file || !object) return undefined
      const size = (file ?? object)?.size ?? null
      if (dryRun) return { size }
      if (file) await rm(join(root, file.name))
      else await client.deleteIf(nameOf(pair.name), await conditionFor(client, nameOf(pair.name), object))
      return { size }
    }),
  )
}

/** The size of what was done; `equal` if both sides are, undefined if there was nothing to do. */
type Outcome = { size: number | null } | 'equal' | undefined

async function attempt(
  { output, nameOf, root, dryRun }: Transfer,
  summary: Summary,
  { action, pair }: { action: 'upload' | 'download' | 'delete'; pair: Both },
  run: () => Promise<Outcome>,
): Promise<void> {
  const name = nameOf(pair.name)
  const about = { action, name, file: join(root, pair.name) }
  try {
    const outcome = await run()
    if (outcome === undefined) return
    if (outcome === 'equal') {
      summary.skipped += 1
      return
    }
    summary[action === 'delete' ? 'deleted' : 'transferred'] += 1
    if (action !== 'delete') summary.bytes += outcome.size ?? 0
    if (output.json) output.record({ ...about, ...outcome, result: dryRun ? 'planned' : 'done' })
    else if (dryRun) output.print([action.padEnd(8), '  ', name])
  } catch (error) {
    // Every other name would be refused as well.
    if (isRefusal(error)) throw error
    summary.failed += 1
    const { lines, document } = describeError(error)
    if (output.json) output.record({ ...about, result: 'failed', error: document })
    else output.warn(`${action} of ${name} failed: ${lines.join(' ')}`)
  }
}

async function upload(transfer: Transfer, pair: Both, onBytes: (size: number) => void): Promise<Outcome> {
  const { client, root, nameOf, isPartial, dryRun } = transfer
  const { left: file, right: listed } = pair
  if (!file) return undefined
  const name = nameOf(pair.name)
  const isUncertain = listed ? listed.size === null || !listed.etag?.startsWith('"') : isPartial()
  const stored = isUncertain ? await headStored(client, name) : listed
  const path = join(root, file.name)
  if (stored && (await isEqual({ path, file, stored, direction: 'upload' }))) return 'equal'
  if (!dryRun) {
    const condition = await conditionFor(client, name, stored)
    await uploadFile({ client, name, path, file, condition, onBytes })
  }
  return { size: file.size }
}

async function download(transfer: Transfer, pair: Both, onBytes: (size: number) => void): Promise<Outcome> {
  const { client, root, nameOf, dryRun, output } = transfer
  const { left: file, right: listed } = pair
  if (!listed) return undefined
  const reason = unsafeReason(pair.name)
  if (reason !== undefined) throw new Error(`the name cannot be a file here: ${reason}`)
  const name = nameOf(pair.name)
  const stored = listed.size === null ? ((await headStored(client, name)) ?? listed) : listed
  if (file && (await isEqual({ path: join(root, file.name), file, stored, direction: 'download' })))
    return 'equal'
  if (dryRun) return { size: stored.size }
  return {
    size: await downloadFile({ client, name, root, relative: pair.name, before: file, onBytes, output }),
  }
}

async function conditionFor(
  client: Client,
  name: string,
  listed: StoredObject | undefined,
): Promise<Record<string, string>> {
  const stored = listed?.etag?.startsWith('"') ? await confirmListed(client, name, listed) : listed
  const condition = onlyReplacing(stored)
  if (condition) return condition
  throw new Error('it has neither an ETag nor a time by which a change in the meantime could be noticed')
}
