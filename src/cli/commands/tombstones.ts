import type { Command } from 'commander'
import type { PurgePage, TombstonePage } from '../../client/client.ts'
import { columns, count, time } from '../output.ts'
import { pages, type Session, sessionOf } from '../session.ts'

export function addTombstones(program: Command): void {
  const tombstones = program
    .command('tombstones')
    .summary('list deleted names, or purge their tombstones')
    .description('A tombstone hides a deleted name while a fallback still holds the object.')
  tombstones
    .command('ls')
    .description('Lists deleted names and the time (UTC) of each delete.')
    .argument('[prefix]', 'only names that begin with this')
    .addHelpText('after', '\nExample:\n  fallback-storage tombstones ls photos/')
    .action(async (prefix: string | undefined, _options: unknown, command: Command) => {
      await list(sessionOf(command), prefix ?? '')
    })
  tombstones
    .command('purge')
    .description('Removes the tombstones of names that no fallback holds any more, and keeps the others.')
    .argument('[prefix]', 'only names that begin with this')
    .option('--dry-run', 'print what would be purged, and purge nothing')
    .addHelpText('after', '\nExample:\n  fallback-storage tombstones purge --dry-run')
    .action(
      async (prefix: string | undefined, { dryRun = false }: { dryRun?: boolean }, command: Command) => {
        await purge(sessionOf(command), prefix ?? '', dryRun)
      },
    )
}

export function addUndelete(program: Command): void {
  program
    .command('undelete')
    .summary('undo deletes')
    .description(
      'Removes the tombstones of names, so that what a fallback still holds is served again.\n' +
        'Exit code 3 if a name is not deleted.',
    )
    .argument('<names...>', 'names of the objects')
    .addHelpText('after', '\nExample:\n  fallback-storage undelete photos/harbour.jpg')
    .action(async (names: string[], _options: unknown, command: Command) => {
      const { client, output } = sessionOf(command)
      for (const name of names) {
        const undeleted = await client.undelete(name)
        if (output.json) output.record(undeleted)
        else if (undeleted.restored) output.line(`${name}: served by ${undeleted.backend} again`)
        else output.line(`${name}: no longer deleted, but no backend has it`)
      }
    })
}

async function list({ client, output }: Session, prefix: string): Promise<void> {
  for await (const { tombstones } of pages<TombstonePage>((page) => client.tombstones({ prefix, ...page }))) {
    output.list(tombstones, () => columns(tombstones.map((found) => [time(found.deleted_time), found.name])))
  }
}

async function purge({ client, output }: Session, prefix: string, dryRun: boolean): Promise<void> {
  let purged = 0
  let kept = 0
  for await (const page of pages<PurgePage>((query) =>
    client.purgeTombstones({ prefix, dryRun, ...query }),
  )) {
    if (!output.json) page.names.forEach(output.line)
    purged += page.purged
    kept += page.kept
  }
  if (output.json) return output.record({ dry_run: dryRun, examined: purged + kept, purged, kept })
  const rest = kept === 0 ? '' : `, ${count(kept)} kept because fallbacks still hold their objects`
  output.note(`${count(purged)} ${dryRun ? 'would be purged' : 'purged'}${rest}`)
}
