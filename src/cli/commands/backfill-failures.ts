import type { Command } from 'commander'
import { columns } from '../format.ts'
import type { FailurePage } from '../../client/client.ts'
import { type Session, sessionOf } from '../session.ts'

export function addBackfillFailures(
  backfill: Command,
  idOf: (session: Session, id: string | undefined) => Promise<string>,
): void {
  backfill
    .command('failures')
    .description('Lists what could not be copied, and why.')
    .argument('[id]', 'default: the newest job')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage backfill failures
  fallback-storage backfill failures --json | jq -r 'select(.error == "denied") | .name'`,
    )
    .action(async (id: string | undefined, _options: unknown, command: Command) => {
      const session = sessionOf(command)
      await failures(session, await idOf(session, id))
    })
}

async function failures({ client, output }: Session, id: string): Promise<void> {
  let found = 0
  let cursor: string | null = null
  do {
    const page: FailurePage = await client.backfillFailures(id, cursor === null ? {} : { cursor })
    if (output.json) for (const failure of page.failures) output.record(failure)
    else {
      const rows = page.failures.map(({ name, backend, error, detail, attempts }) => {
        return [name, backend, error, `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`, detail]
      })
      for (const line of columns(rows)) output.line(line)
    }
    found += page.failures.length
    cursor = page.cursor
  } while (cursor !== null)
  if (found === 0) output.note('nothing has failed')
}
