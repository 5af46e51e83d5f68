import type { Command } from 'commander'
import { forEachName } from '../each-name.ts'
import { count, time } from '../output.ts'
import { manyPages } from '../retries.ts'
import type { Session, WithSession } from '../session.ts'

export function addTombstones(program: Command, withSession: WithSession): void {
  const tombstones = program
    .command('tombstones')
    .summary('list deleted names, or purge their tombstones')
    .description('A tombstone hides a deleted name while a fallback still holds the object.')
  tombstones
    .command('ls')
    .description('Lists deleted names and the time (UTC) of each delete.')
    .argument('[prefix]', 'only names that begin with this')
    .addHelpText('after', '\nExample:\n  fallback-storage tombstones ls photos/')
    .action(withSession(list))
  tombstones
    .command('purge')
    .description('Removes the tombstones of names that no fallback holds any more, and keeps the others.')
    .argument('[prefix]', 'only names that begin with this')
    .option('--dry-run', 'print what would be purged, and purge nothing')
    .addHelpText('after', '\nExample:\n  fallback-storage tombstones purge --dry-run')
    .action(withSession(purge))
}

export function addUndelete(program: Command, withSession: WithSession): void {
  program
    .command('undelete')
    .summary('undo deletes')
    .description(
      'Removes the tombstones of names, so that what a fallback still holds is served again.\n' +
        'Exit code 3 if a name is not deleted.',
    )
    .argument('<names...>', 'names of the objects')
    .addHelpText('after', '\nExample:\n  fallback-storage undelete photos/harbour.jpg')
    .action(withSession(undelete))
}

async function list({ client, output }: Session, prefix: string | undefined): Promise<void> {
  for await (const { tombstones } of manyPages((cursor) => client.tombstones({ prefix, cursor }))) {
    const rows = tombstones.map((found) => [time(found.deleted_time), found.name])
    output.list(tombstones, () => [{ rows }])
  }
}

async function purge(
  { client, output }: Session,
  prefix: string | undefined,
  { dryRun = false }: { dryRun?: boolean },
): Promise<void> {
  let purged = 0
  let kept = 0
  for await (const page of manyPages((cursor) => client.purgeTombstones({ prefix, dryRun, cursor }))) {
    if (!output.json) output.print(...page.names)
    purged += page.purged
    kept += page.kept
  }
  if (output.json) return output.record({ dry_run: dryRun, examined: purged + kept, purged, kept })
  const rest =
    kept === 0 ? '' : `, ${count(kept)} kept because fallbacks hold their objects, or did not answer`
  output.note(`${count(purged)} ${dryRun ? 'would be purged' : 'purged'}${rest}`)
}

async function undelete({ client, output }: Session, names: string[]): Promise<void> {
  await forEachName(output, names, async (name) => {
    const undeleted = await client.undelete(name)
    const { restored, backend } = undeleted
    output.list([undeleted], () => [
      restored ? `${name}: served by ${backend} again` : `${name}: no longer deleted, but no backend has it`,
    ])
  })
}
