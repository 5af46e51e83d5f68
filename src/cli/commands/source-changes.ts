import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import type { ConflictPage, SourceJson } from '../../client/client.ts'
import { forEachName } from '../each-name.ts'
import { describeError, isRefusal } from '../errors.ts'
import { bytes, count, duration, type Lines, time } from '../output.ts'
import { manyPages } from '../retries.ts'
import type { Session, WithSession } from '../session.ts'

const POLL_MS = 2_000

export function addEvents(program: Command, withSession: WithSession): void {
  program
    .command('events')
    .summary('show what the sources have said of their changes, and what came of it')
    .description(
      'Shows, for each backend that objects are copied from: the time (UTC) of the latest change of which an event\n' +
        'came, how soon copies followed (the latest 256 events), and what came of the events. Those that were given up\n' +
        'are listed by `GET dead_copies`, with their reasons.',
    )
    .option('-f, --follow', 'print each source again whenever its events are counted, until Ctrl-C')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage events
  fallback-storage events --follow
  fallback-storage events --json | jq -es 'all(.failed == 0)'`,
    )
    .action(withSession(events))
}

export function addConflicts(program: Command, withSession: WithSession): void {
  const command = program
    .command('conflicts')
    .summary('list names that were saved here and differ at a source, and dismiss them')
    .description(
      'Lists names that were saved in the primary, and that a source has changed: the one that was compared last comes\n' +
        'first, with the times in UTC. Nothing was changed, because only you can decide. To keep what was saved, dismiss\n' +
        'the conflict. To take the source’s version, put its bytes.',
    )
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage conflicts
  fallback-storage conflicts --json | jq -r .name
  fallback-storage conflicts dismiss legacy photos/harbour.jpg`,
    )
    .action(withSession(conflicts))
  command
    .command('dismiss')
    .summary('keep what was saved')
    .description(
      'Takes names off the list. What was saved stays as it is. A name is listed again if an event finds another version\n' +
        'on either side. Exit code 3 if there is no such conflict.',
    )
    .argument('<backend>', 'the source')
    .argument('<names...>', 'names of the objects')
    .addHelpText('after', '\nExample:\n  fallback-storage conflicts dismiss legacy photos/harbour.jpg')
    .action(withSession(dismiss))
}

async function events({ client, output }: Session, { follow }: { follow?: boolean }): Promise<void> {
  let shown = await client.events()
  if (shown.length === 0 && !output.json) return output.note('no backend is a source')
  output.list(shown, () => tableOf(shown))
  let failure: string | undefined
  while (follow) {
    await sleep(POLL_MS)
    const latest = await client.events().catch((error: unknown) => {
      if (isRefusal(error)) throw error
      const [reason] = describeError(error).lines
      // The same reason is said once, however long it lasts.
      if (reason !== failure) output.warn(`${reason}; trying again`)
      failure = reason
    })
    if (!latest) continue
    failure = undefined
    const before = new Set(shown.map((source) => JSON.stringify(source)))
    const changed = latest.filter((source) => !before.has(JSON.stringify(source)))
    if (changed.length > 0) output.list(changed, () => tableOf(latest, changed))
    shown = latest
  }
}

const HEAD = [
  'source',
  'last change (UTC)',
  'median',
  '95 %',
  'accepted',
  'copied',
  'deleted',
  'unchanged',
  'conflicts',
  'failed',
  'ignored',
]

/** All sources under a head, or only the rows of those in `changed`. */
function tableOf(sources: readonly SourceJson[], changed?: readonly SourceJson[]): Lines {
  const rows = sources.map((source) => [
    source.backend,
    time(source.last_event),
    ...[source.lag_seconds?.p50, source.lag_seconds?.p95].map(lag),
    ...[
      source.accepted,
      source.copied,
      source.tombstoned,
      source.unchanged,
      source.conflicts,
      source.failed,
      source.ignored,
    ].map(count),
  ])
  const hidden = changed && [
    0,
    ...sources.flatMap((source, index) => (changed.includes(source) ? [] : [index + 1])),
  ]
  return [{ rows: [HEAD, ...rows], right: [2, 3, 4, 5, 6, 7, 8, 9, 10], ...(hidden && { hidden }) }]
}

function lag(seconds: number | undefined): string {
  if (seconds === undefined) return '-'
  return seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds)
}

async function conflicts({ client, output }: Session): Promise<void> {
  let found = 0
  for await (const page of manyPages((cursor) => client.conflicts({ limit: 500, cursor }))) {
    output.list(page.conflicts, () => page.conflicts.flatMap(linesOf))
    found += page.conflicts.length
  }
  if (found === 0) output.note('there are no conflicts')
}

async function dismiss({ client, output }: Session, backend: string, names: string[]): Promise<void> {
  await forEachName(output, names, async (name) => {
    await client.dismissConflict(backend, name)
    if (output.json) output.record({ name, dismissed: true })
    else output.note(`dismissed ${name}`)
  })
}

function linesOf({ name, backend, detail, held, found, seen }: ConflictPage['conflicts'][number]): Lines {
  return [
    name,
    `  ${detail}`,
    {
      rows: [
        ['  here', ...versionOf(held)],
        [`  ${backend}`, ...versionOf(found), `compared ${utc(seen)}`],
      ],
    },
  ]
}

function versionOf({ size, modified_time: modified }: ConflictPage['conflicts'][number]['held']): string[] {
  return [size === null ? '-' : bytes(size), utc(modified)]
}

/** A time that no head says the zone of. */
function utc(iso: string | null): string {
  return iso === null ? '-' : `${time(iso)} UTC`
}
