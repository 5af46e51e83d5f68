import type { Command } from 'commander'
import { CommandError, EXIT } from '../errors.ts'
import { bytes, count, type Text } from '../output.ts'
import type { Session, WithSession } from '../session.ts'
import { join, type Pair } from '../transfer/join.ts'
import { listStored, md5InTag, type StoredObject } from '../transfer/stored-objects.ts'

export function addDiff(program: Command, withSession: WithSession): void {
  program
    .command('diff')
    .summary('compare what two backends list')
    .description(
      'Compares the listings of two backends: names, sizes, and digests where both ETags are one. Reads no object.\n' +
        'Exit code 3 if they differ. `fallback-storage verify` compares contents, too, and knows deleted names.',
    )
    .argument('<backend>', 'one backend, e.g. the old one')
    .argument('<other-backend>', 'the other one')
    .argument('[prefix]', 'only names that begin with this')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage diff legacy media
  fallback-storage diff legacy media photos/ --json | jq -r 'select(.kind == "only_in_first") | .name'`,
    )
    .action(withSession(diff))
}

type Kind = 'only_in_first' | 'only_in_second' | 'different' | 'equal' | 'equal_by_size'

async function diff({ client, output }: Session, first: string, second: string, prefix = ''): Promise<void> {
  const counts: Record<Kind, number> = {
    only_in_first: 0,
    only_in_second: 0,
    different: 0,
    equal: 0,
    equal_by_size: 0,
  }
  const list = (backend: string) => listStored(client, prefix, { backend })
  for await (const pair of join(list(first), list(second))) {
    const kind = kindOf(pair)
    counts[kind] += 1
    if (kind === 'equal' || kind === 'equal_by_size') continue
    const { name, left, right } = pair
    output.list([{ name, kind, first: described(left), second: described(right) }], () => [
      lineOf(pair, kind, { first, second }),
    ])
  }
  if (output.json) output.record({ kind: 'summary', ...counts })
  else {
    output.note(
      `${count(counts.only_in_first)} only in ${first}, ${count(counts.only_in_second)} only in ${second}, ` +
        `${count(counts.different)} different, ${count(counts.equal)} equal, ${count(counts.equal_by_size)} equal by size`,
    )
  }
  if (counts.only_in_first + counts.only_in_second + counts.different > 0) throw new CommandError(EXIT.no)
}

function kindOf({ left, right }: Pair<StoredObject, StoredObject>): Kind {
  if (!left) return 'only_in_second'
  if (!right) return 'only_in_first'
  if (left.size !== right.size) return 'different'
  const [a, b] = [md5InTag(left), md5InTag(right)]
  if (a === undefined || b === undefined) return 'equal_by_size'
  return a === b ? 'equal' : 'different'
}

function described(object: StoredObject | undefined): object | null {
  if (!object) return null
  const { size, etag, modified } = object
  return { size, etag, modified_time: modified?.toISOString() ?? null }
}

function lineOf(
  { name, left, right }: Pair<StoredObject, StoredObject>,
  kind: Kind,
  { first, second }: { first: string; second: string },
): Text {
  const only = kind === 'only_in_first' ? first : second
  const width = Math.max(first.length, second.length) + 'only in '.length
  const label = kind === 'different' ? kind : `only in ${only}`
  const sizes = left && right && left.size !== right.size ? `  (${sizeOf(left)}, ${sizeOf(right)})` : ''
  const digests = left && right && left.size === right.size ? '  (digests)' : ''
  return `${label.padEnd(width)}  ${name}${sizes}${digests}`
}

function sizeOf({ size }: StoredObject): string {
  return size === null ? 'unknown size' : bytes(size)
}
