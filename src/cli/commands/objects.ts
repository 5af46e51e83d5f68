import type { Command } from 'commander'
import {
  type Degraded,
  type Explanation,
  type Finding,
  type ListedObject,
  type ListPage,
} from '../../client/client.ts'
import { forEachName } from '../each-name.ts'
import { CommandError, EXIT, usageError } from '../errors.ts'
import { bytes, type Lines, styled, type Text, time } from '../output.ts'
import { manyPages } from '../retries.ts'
import { type Session, wholeNumber, type WithSession } from '../session.ts'

interface LsOptions {
  recursive?: boolean
  long?: boolean
  limit?: number
}

const PAGE = 1000

export function addLs(program: Command, withSession: WithSession): void {
  program
    .command('ls')
    .summary('list names')
    .description('Lists the names in all backends, each once, in byte order. Deleted names are left out.')
    .argument('[prefix]', 'only names that begin with this; end it in / to list a folder')
    .option('-r, --recursive', 'all names below the prefix, not just one folder')
    .option('-l, --long', 'with size, time (UTC) and the backend that would serve it')
    .option('--limit <count>', 'at most this many entries', wholeNumber)
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage ls photos/
  fallback-storage ls -r -l photos/
  fallback-storage ls -r --json | jq -r 'select(.backend != "media") | .name'   # not migrated yet`,
    )
    .action(withSession(ls))
}

async function ls({ client, output }: Session, prefix = '', options: LsOptions): Promise<void> {
  if (prefix === '-') throw usageError('"-" is not a valid name')
  const degraded = new Map<string, Degraded>()
  let left = options.limit ?? Infinity
  const delimiter = options.recursive ? undefined : '/'
  const read = (cursor?: string) => client.list(prefix, { limit: Math.min(PAGE, left), delimiter, cursor })
  for await (const page of manyPages(read)) {
    const entries = inOrder(page)
    output.list(entries, () =>
      options.long ? [{ rows: entries.map(factsOf), right: [0] }] : entries.map(nameOf),
    )
    for (const backend of page.backends ?? []) degraded.set(backend.name, backend)
    left -= entries.length
    if (left <= 0) break
  }

  let isComplete = true
  for (const { name, error, detail } of degraded.values()) {
    if (error === 'unsupported') {
      output.note(`${name} cannot list: objects that only it holds are not shown`)
    } else {
      output.warn(`${name} failed, so the listing is not complete: ${error}: ${detail}`)
      isComplete = false
    }
  }
  if (!isComplete) throw new CommandError(EXIT.failed)
}

type Entry = ListedObject | { directory: string }

/** Objects and folders in byte order, as the Worker merged them. */
function inOrder({ objects, directories }: ListPage): Entry[] {
  return [...objects, ...directories.map((directory) => ({ directory }))]
    .map((entry) => ({ entry, key: Buffer.from('directory' in entry ? entry.directory : entry.name) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ entry }) => entry)
}

function nameOf(entry: Entry): Text {
  return 'directory' in entry ? styled('blue', entry.directory) : entry.name
}

function factsOf(entry: Entry): Text[] {
  if ('directory' in entry) return ['-', '-', '-', nameOf(entry)]
  const size = entry.size === null ? '-' : bytes(entry.size)
  return [size, time(entry.modified_time), entry.backend, entry.name]
}

export function addExplain(program: Command, withSession: WithSession): void {
  program
    .command('explain')
    .summary('show which backends hold a name, and what a read would do')
    .description(
      'Looks a name up in every backend. Reads no body and changes nothing. Exit code 3 if no backend has it.',
    )
    .argument('<name>', 'name of the object')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage explain photos/harbour.jpg
  fallback-storage explain photos/harbour.jpg --json | jq .migration.state`,
    )
    .action(withSession(explain))
}

async function explain({ client, output }: Session, name: string): Promise<void> {
  const explanation = await client.explain(name)
  output.list([explanation], () => explained(explanation))
  if (explanation.would_serve === null)
    throw new CommandError(explanation.migration.state === 'unknown' ? EXIT.failed : EXIT.no)
}

function explained({ name, would_serve: server, tombstone, migration, backends }: Explanation): Lines {
  const { state, target, reason, last_copy: copy } = migration
  const rows = backends.map((backend) => [
    `  ${backend.name}`,
    backend.type,
    backend.result,
    backend.latency_ms === undefined ? '' : `${backend.latency_ms} ms`,
    aboutOf(backend),
  ])
  return [
    [
      `${name}: `,
      server !== null
        ? styled('green', `served by ${server}`)
        : styled(
            'red',
            state === 'unknown' ? 'not known, because a backend failed' : 'not served by any backend',
          ),
    ],
    tombstone && `deleted ${time(tombstone.deleted_time)} (tombstone in ${tombstone.backend})`,
    `migration: ${state}${target === null ? '' : ` → ${target}`} (${reason})`,
    copy !== undefined &&
      `last copy: ${copy.outcome} ${time(copy.time)}${copy.reason === undefined ? '' : `: ${copy.reason}`}`,
    { rows, right: [3] },
  ]
}

function aboutOf({ accepts, detail, size, etag, modified_time, content_type, provenance }: Finding): string {
  if (!accepts) return 'excluded by its include or exclude'
  return [
    size !== undefined && bytes(size),
    content_type,
    etag,
    modified_time !== undefined && time(modified_time),
    provenance && `copied from ${provenance.backend} ${time(provenance.copied_time)}`,
    detail,
  ]
    .filter(Boolean)
    .join('  ')
}

export function addRm(program: Command, withSession: WithSession): void {
  program
    .command('rm')
    .summary('delete objects')
    .description(
      'Deletes objects, one by one. With tombstones (the default), copies in fallbacks are hidden, and\n' +
        '`fallback-storage undelete` brings them back. A mirror follows the delete, so a copy there cannot\n' +
        'be brought back (except with mirror = "keep-deleted"). Deleting a name that does not exist is not\n' +
        'an error.',
    )
    .argument('<names...>', 'names of the objects')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage rm photos/old.jpg
  fallback-storage ls -r tmp/ | tr '\\n' '\\0' | xargs -0 fallback-storage rm`,
    )
    .action(withSession(rm))
}

async function rm({ client, output }: Session, names: string[]): Promise<void> {
  await forEachName(output, names, async (name) => {
    await client.delete(name)
    if (output.json) output.record({ name, deleted: true })
    else output.note(`deleted ${name}`)
  })
}
