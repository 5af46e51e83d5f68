import type { Command } from 'commander'
import type { Degraded, ListedObject, ListPage } from '../../client/client.ts'
import { CommandError, EXIT } from '../exit.ts'
import { bytes, columns, time } from '../format.ts'
import { wholeNumber } from '../arguments.ts'
import { styled, type Text } from '../output.ts'
import { type Session, sessionOf } from '../session.ts'

interface LsOptions {
  recursive?: boolean
  long?: boolean
  limit?: number
}

const PAGE = 1000

export function addLs(program: Command): void {
  program
    .command('ls')
    .summary('list names')
    .description(
      'Lists the names in all backends together, each once, in byte order. Deleted names are left out.',
    )
    .argument('[prefix]', 'only names that begin with this; end it in / to see what is in a folder')
    .option('-r, --recursive', 'all names, not folder by folder')
    .option('-l, --long', 'with size, time (UTC) and the backend that would serve it')
    .option('--limit <count>', 'at most this many entries', wholeNumber)
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage ls photos/
  fallback-storage ls -r -l photos/
  fallback-storage ls -r --json | jq -r 'select(.backend != "media") | .name'   # what has not moved yet`,
    )
    .action(async (prefix: string | undefined, options: LsOptions, command: Command) => {
      await ls(sessionOf(command), prefix ?? '', options)
    })
}

async function ls({ client, output }: Session, prefix: string, options: LsOptions): Promise<void> {
  const degraded = new Map<string, Degraded>()
  let left = options.limit ?? Infinity
  let cursor: string | null = null
  do {
    const page: ListPage = await client.list(prefix, {
      limit: Math.min(PAGE, left),
      ...(!options.recursive && { delimiter: '/' }),
      ...(cursor !== null && { cursor }),
    })
    const entries = inOrder(page)
    if (output.json) for (const entry of entries) output.record(entry)
    else for (const line of linesOf(entries, options.long)) output.line(line)
    for (const backend of page.backends ?? []) degraded.set(backend.name, backend)
    left -= entries.length
    cursor = page.cursor
  } while (cursor !== null && left > 0)

  const failed = [...degraded.values()].filter(({ error }) => error !== 'unsupported')
  for (const { name, error, detail } of degraded.values()) {
    if (error === 'unsupported') output.note(`${name} cannot list: objects that only it holds are not shown`)
    else output.warn(`${name} failed, so the listing is not complete: ${error}: ${detail}`)
  }
  if (failed.length > 0) throw new CommandError(EXIT.failed)
}

type Entry = ListedObject | { directory: string }

/** Objects and folders in the one order that the Worker merged them in. */
function inOrder({ objects, directories }: ListPage): Entry[] {
  const entries: Entry[] = [...objects, ...directories.map((directory) => ({ directory }))]
  const keys = new Map(entries.map((entry) => [entry, Buffer.from(nameOf(entry))]))
  return entries.sort((a, b) =>
    Buffer.compare(keys.get(a) ?? Buffer.alloc(0), keys.get(b) ?? Buffer.alloc(0)),
  )
}

function nameOf(entry: Entry): string {
  return 'directory' in entry ? entry.directory : entry.name
}

function linesOf(entries: readonly Entry[], long = false): Text[] {
  const lines = long ? columns(entries.map(factsOf), [0]) : entries.map(nameOf)
  return entries.map((entry, index) => {
    const line = lines[index] ?? ''
    if (!('directory' in entry)) return line
    return [line.slice(0, -entry.directory.length), styled('blue', entry.directory)]
  })
}

function factsOf(entry: Entry): string[] {
  if ('directory' in entry) return ['-', '-', '-', entry.directory]
  const size = entry.size === null ? '-' : bytes(entry.size)
  return [size, time(entry.modified_time), entry.backend, entry.name]
}
