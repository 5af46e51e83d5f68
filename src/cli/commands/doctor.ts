import type { Command } from 'commander'
import { type Check, examine } from '../doctor.ts'
import { CommandError, EXIT } from '../exit.ts'
import { styled, type Text } from '../output.ts'
import { sessionOf } from '../session.ts'

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('find out what is wrong with a deployment')
    .description(
      'Checks the Worker, its configuration, the token and every backend, with one harmless call each, and says\n' +
        'how to fix what is wrong. Changes nothing. Exit code 1 if any check failed.',
    )
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage doctor
  fallback-storage doctor --json | jq '.checks[] | select(.status != "ok")'`,
    )
    .action(async (_options: unknown, command: Command) => {
      const { client, output, url, headers } = sessionOf(command)
      const checks: Check[] = []
      for await (const check of examine({ client, url, hasToken: 'Authorization' in headers })) {
        checks.push(check)
        if (!output.json) for (const line of linesOf(check)) output.line(line)
      }
      const ok = checks.every(({ status }) => status !== 'failed')
      if (output.json) output.record({ ok, checks })
      if (!ok) throw new CommandError(EXIT.failed)
    })
}

const SIGNS = {
  ok: styled('green', '✓'),
  warning: styled('yellow', '!'),
  failed: styled('red', '✗'),
}

const INDENT = ' '.repeat(17)

function linesOf({ name, status, detail, mend }: Check): Text[] {
  const [first = '', ...more] = detail.trim().split('\n')
  return [
    [SIGNS[status], ` ${name.padEnd(14)} ${first}`],
    ...more.map((line) => INDENT + line),
    ...(mend === undefined ? [] : [`${INDENT}→ ${mend}`]),
  ]
}
