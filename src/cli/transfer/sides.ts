import { join } from 'node:path'
import type { Client } from '../../client/client.ts'
import { CommandError, EXIT, isMissing, messageOf } from '../errors.ts'
import type { Output } from '../output.ts'
import { createFilter, type Filter, type FilterOptions } from './filter.ts'
import { join as joinByName } from './join.ts'
import { walk } from './local-files.ts'
import { listStored, type StoredObject } from './stored-objects.ts'
import type { Both, Transfer } from './transfer.ts'

/** The options of `cp` and `sync`. */
export interface TransferOptions extends FilterOptions {
  dryRun?: boolean
  delete?: boolean
  maxConcurrency: number
}

/** The two sides of a transfer: a path and a name or prefix of a deployment. */
export interface Sides {
  client: Client
  direction: 'upload' | 'download'
  path: string
  prefix: string
}

/** All files of a folder and all objects below a prefix. */
export function folderTransfer(
  output: Output,
  { client, direction, path: root, prefix: given }: Sides,
  options: TransferOptions,
): Counted {
  const prefix = given === '' || given.endsWith('/') ? given : `${given}/`
  const filter = createFilter(options)
  const unlistable = new Set<string>()
  /** What the folder has, although it is not uploaded: the objects there are not what only the deployment has. */
  const leftOut = new Set<string>()
  const transfer: Counted = {
    direction,
    client,
    output,
    root,
    nameOf: (file) => prefix + file,
    isPartial: () => unlistable.size > 0,
    dryRun: options.dryRun ?? false,
    maxConcurrency: options.maxConcurrency,
    found: 0,
    unread: 0,
    pairs({ isStrict }) {
      const files = walk(root, {
        onSkip(name, reason) {
          if (direction === 'upload') leftOut.add(name)
          if (!isStrict) output.note(`${join(root, name)} is left out: it is ${reason}`)
        },
        onUnreadable(name, error) {
          // A folder that is downloaded to may not exist yet.
          if (direction === 'download' && name === '' && isMissing(error)) return
          if (isStrict) throw error
          transfer.unread += 1
          output.warn(`${join(root, name)} cannot be read: ${messageOf(error)}`)
        },
      })
      const onUnlistable = ({ name }: { name: string }) => {
        if (options.delete)
          throw new CommandError(
            EXIT.failed,
            `${name} cannot list, so it is unknown what it holds: --delete would be a guess`,
          )
        if (!unlistable.has(name)) output.note(`${name} cannot list: objects that only it holds are not seen`)
        unlistable.add(name)
      }
      const objects = below(prefix, listStored(client, prefix, { onUnlistable }))
      return counted(transfer, joinByName(files, objects), (name) => filter(name) && !isWithin(name, leftOut))
    },
  }
  return transfer
}

export interface Counted extends Transfer {
  /** What the source has, before any filter. */
  found: number
  /** Files and folders that could not be read. */
  unread: number
}

async function* counted(transfer: Counted, pairs: AsyncIterable<Both>, filter: Filter): AsyncGenerator<Both> {
  for await (const pair of pairs) {
    if (transfer.direction === 'upload' ? pair.left : pair.right) transfer.found += 1
    if (filter(pair.name)) yield pair
  }
}

/** Whether it is one of these names, or below one. */
function isWithin(name: string, names: ReadonlySet<string>): boolean {
  if (names.size === 0) return false
  const parts = name.split('/')
  return parts.some((_, index) => names.has(parts.slice(0, index + 1).join('/')))
}

/** The objects by their names after the prefix. */
async function* below(prefix: string, objects: AsyncIterable<StoredObject>): AsyncGenerator<StoredObject> {
  for await (const object of objects) {
    // S3 clients show folders by empty objects like this.
    const isFolder = object.name.endsWith('/') && object.size === 0
    if (!isFolder) yield { ...object, name: object.name.slice(prefix.length) }
  }
}

/** One file or object, whatever its name becomes. */
export function singleTransfer(
  {
    name,
    options,
    ...about
  }: Pick<Transfer, 'output' | 'client' | 'direction' | 'root'> & {
    name: string
    options: TransferOptions
  },
  pair: Both,
): Counted {
  return {
    ...about,
    nameOf: () => name,
    isPartial: () => false,
    dryRun: options.dryRun ?? false,
    maxConcurrency: 1,
    found: 1,
    unread: 0,
    async *pairs() {
      yield pair
    },
  }
}
