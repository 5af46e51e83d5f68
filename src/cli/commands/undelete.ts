import type { Command } from 'commander'
import { sessionOf } from '../session.ts'

export function addUndelete(program: Command): void {
  program
    .command('undelete')
    .summary('undo deletes')
    .description(
      'Removes the tombstones of names, so that what a fallback still holds is served again.\n' +
        'Exit code 3 for a name that is not deleted.',
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
