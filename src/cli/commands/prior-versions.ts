import type { Command } from 'commander'
import { CommandError, EXIT } from '../errors.ts'
import { bytes, time } from '../output.ts'
import type { Session, WithSession } from '../session.ts'

export function addVersions(program: Command, withSession: WithSession): void {
  program
    .command('versions')
    .summary('list what was replaced or deleted under a name')
    .description(
      'Lists the prior versions of a name, newest first, with the time (UTC) at which each was replaced or\n' +
        'deleted. They are kept as long as FALLBACK_KEEP_REPLACED_DAYS says. Exit code 3 if there are none.',
    )
    .argument('<name>', 'name of the object')
    .addHelpText('after', '\nExample:\n  fallback-storage versions photos/harbour.jpg')
    .action(withSession(list))
}

export function addRestore(program: Command, withSession: WithSession): void {
  program
    .command('restore')
    .summary('bring a prior version back')
    .description(
      'Stores a prior version under its name again, also if the name was deleted. What is there now is kept\n' +
        'as a prior version, too. Exit code 3 if there is no such version.',
    )
    .argument('<name>', 'name of the object')
    .option('--time <time>', 'which version, by the time that `versions` shows; default: the newest')
    .addHelpText(
      'after',
      '\nExamples:\n  fallback-storage restore photos/harbour.jpg\n' +
        '  fallback-storage restore photos/harbour.jpg --time 2026-11-28T22:15:00.000Z',
    )
    .action(withSession(restore))
}

async function list({ client, output }: Session, name: string): Promise<void> {
  const versions = await client.priorVersions(name)
  const rows = versions.map((version) => [
    version.time,
    version.reason,
    version.size === null ? '-' : bytes(version.size),
    version.backend,
    version.modified_time === null ? '' : `modified ${time(version.modified_time)}`,
  ])
  output.list(versions, () => [{ rows, right: [2] }])
  if (versions.length === 0) throw new CommandError(EXIT.no, `${name} has no prior versions`)
}

async function restore(
  { client, output }: Session,
  name: string,
  { time: wanted }: { time?: string },
): Promise<void> {
  const restored = await client.restore(name, wanted)
  output.list([restored], () => [`${name}: restored as it was until ${time(restored.restored_time)}`])
}
