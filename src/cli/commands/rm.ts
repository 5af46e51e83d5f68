import type { Command } from 'commander'
import { sessionOf } from '../session.ts'

export function addRm(program: Command): void {
  program
    .command('rm')
    .summary('delete objects')
    .description(
      'Deletes objects, one after the other. Where deletes leave tombstones, what fallbacks hold is hidden, and\n' +
        '`fallback-storage undelete` brings it back. Deleting a name that does not exist is not an error.',
    )
    .argument('<names...>', 'names of the objects')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage rm photos/old.jpg
  fallback-storage ls -r tmp/ | tr '\\n' '\\0' | xargs -0 fallback-storage rm`,
    )
    .action(async (names: string[], _options: unknown, command: Command) => {
      const { client, output } = sessionOf(command)
      for (const name of names) {
        await client.delete(name)
        if (output.json) output.record({ name, deleted: true })
        else output.note(`deleted ${name}`)
      }
    })
}
