import type { Command } from 'commander'
import type { Dependence } from '../../client/client.ts'
import { count, type Lines, time } from '../output.ts'
import type { Session, WithSession } from '../session.ts'

export function addDependence(program: Command, withSession: WithSession): void {
  program
    .command('dependence')
    .summary('show which reads the fallbacks still answer')
    .description(
      'Shows how many reads each fallback answered in the last hour, day and week, for how many days it has\n' +
        'answered none, and for which prefixes it is still needed.',
    )
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage dependence
  fallback-storage dependence --json | jq '.fallbacks[] | select(.quiet_days < 30) | .name'`,
    )
    .action(withSession(dependence))
}

async function dependence({ client, output }: Session): Promise<void> {
  const answer = await client.dependence()
  output.list([answer], () => linesOf(answer))
}

const HEAD = ['backend', 'hour', 'day', 'week', 'share', 'last read (UTC)', 'quiet days']

function linesOf(answer: Dependence): Lines {
  const { fallbacks, counted_since: since, reads, shadowed, mismatched, mismatches } = answer
  if (since === null) return ['nothing was counted yet']
  const rows = fallbacks.map((fallback) => [
    fallback.role === 'mirror' ? `${fallback.name} (mirror)` : fallback.name,
    ...recent(fallback.reads),
    fallback.share === null ? '-' : percent(fallback.share),
    time(fallback.last_read?.at),
    fallback.quiet_days === null ? '-' : count(fallback.quiet_days),
  ])
  const prefixes = fallbacks.flatMap(({ name, prefixes }) =>
    prefixes.map(({ prefix, reads: week, last_read: last }) => [
      name,
      PREFIXES[prefix] ?? prefix,
      count(week),
      time(last),
    ]),
  )
  return [
    { rows: [HEAD, ...rows, ['all reads', ...recent(reads)]], right: [1, 2, 3, 4, 6] },
    `counted since ${time(since)}`,
    prefixes.length > 0 && '',
    prefixes.length > 0 && {
      rows: [['backend', 'prefix', 'week', 'last read (UTC)'], ...prefixes],
      right: [2],
    },
    shadowed > 0 && '',
    shadowed > 0 &&
      `shadow reads of the last week: ${count(shadowed)} compared, ${count(mismatched)} differed`,
    { rows: mismatches.map(({ at, backend, name, detail }) => [`  ${time(at)}`, backend, name, detail]) },
  ]
}

const PREFIXES: Partial<Record<string, string>> = { '': '(root)', '…': '(others)' }

function recent({ hour, day, week }: Dependence['reads']): string[] {
  return [hour, day, week].map(count)
}

/** Only none at all is 0 %. */
function percent(share: number): string {
  return share > 0 && share < 0.001 ? '<0.1 %' : `${(share * 100).toFixed(1)} %`
}
