import type { Command } from 'commander'
import type { PurgePage, TombstonePage } from '../../client/client.ts'
import { columns, count, time } from '../format.ts'
import { type Session, sessionOf } from '../session.ts'

export function addTombstones(program: Command): void {
  const tombstones = program
    .command('tombstones')
    .summary('list deleted names, or forget them')
    .description('A tombstone keeps a deleted name hidden, although a fallback still holds it.')
  tombstones
    .command('ls')
    .description('Lists deleted names and when (UTC) each was deleted.')
    .argument('[prefix]', 'only names that begin with this')
    .addHelpText('after', '\nExample:\n  fallback-storage tombstones ls photos/')
    .action(async (prefix: string | undefined, _options: unknown, command: Command) => {
      await list(sessionOf(command), prefix ?? '')
    })
  tombstones
    .command('purge')
    .description('Forgets the tombstones of names that no fallback holds any more. The others stay.')
    .argument('[prefix]', 'only names that begin with this')
    .option('--dry-run', 'print what would be forgotten, and forget nothing')
    .addHelpText('after', '\nExample:\n  fallback-storage tombstones purge --dry-run')
    .action(
      async (prefix: string | undefined, { dryRun = false }: { dryRun?: boolean }, command: Command) => {
        await purge(sessionOf(command), prefix ?? '', dryRun)
      },
    )
}

async function list({ client, output }: Session, prefix: string): Promise<void> {
  let cursor: string | null = null
  do {
    const page: TombstonePage = await client.tombstones({ prefix, ...(cursor !== null && { cursor }) })
    if (output.json) for (const tombstone of page.tombstones) output.record(tombstone)
    else {
      const rows = page.tombstones.map(({ name, deleted_time: deleted }) => [time(deleted), name])
      for (const line of columns(rows)) output.line(line)
    }
    cursor = page.cursor
  } while (cursor !== null)
}

async function purge({ client, output }: Session, prefix: string, dryRun: boolean): Promise<void> {
  let purged = 0
  let kept = 0
  let cursor: string | null = null
  do {
    const page: PurgePage = await client.purgeTombstones({
      prefix,
      dryRun,
      ...(cursor !== null && { cursor }),
    })
    if (!output.json) for (const name of page.names) output.line(name)
    purged += page.purged
    kept += page.kept
    cursor = page.cursor
  } while (cursor !== null)
  if (output.json) output.record({ dry_run: dryRun, examined: purged + kept, purged, kept })
  else {
    const verb = dryRun ? 'would be forgotten' : 'forgotten'
    const rest = kept === 0 ? '' : `, ${count(kept)} kept because fallbacks still hold their objects`
    output.note(`${count(purged)} ${verb}${rest}`)
  }
}
