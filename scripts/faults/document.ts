import { expected, opensBreaker, type Outcome } from '../../test/faults/expected.ts'
import type { FaultCase } from '../../test/kit/origin/fault-case.ts'
import { faults } from '../../test/kit/origin/faults.ts'
import {
  CHAINS,
  OPERATIONS,
  type Operation,
  type Position,
  type Situation,
  variants,
} from '../../test/faults/situations.ts'

const POSITIONS = Object.keys(CHAINS) as Position[]

const SITUATIONS: Situation[] = POSITIONS.flatMap((position) =>
  variants(position).flatMap((elsewhere) =>
    [false, true].map((migrating) => ({ position, elsewhere, migrating })),
  ),
)

const HEADINGS: Record<Operation, string> = {
  get: 'GET',
  range: 'GET of a range',
  head: 'HEAD',
  exists: '`exists`',
  size: '`size`',
  list: '`list`',
}

/** docs/faults.md, made of the very data that the tests compare a running Worker with. */
export function faultsDocument(): string {
  const cases = Object.values(faults) as FaultCase[]
  const count = cases.length * OPERATIONS.length * SITUATIONS.length
  return `# What happens on a bad day

A chain with one faulty web server in it (\`old\`), and what a client sees. This file is written by
\`node scripts/faults-table.ts\` from what \`test/faults/table.test.ts\` compares a running Worker with, over sockets:
${cases.length} faults × ${OPERATIONS.length} operations × ${SITUATIONS.length} situations, ${count} answers in all, each compared in its status, bytes, trace and
in what R2 holds afterwards. Do not edit it.

The situations: \`old\` is the first, a middle, or the last backend (${POSITIONS.map(describeChain).join('; ')});
migrating or not; and, where a backend comes after it, whether that backend has the same object.

What the cells say:

- **served**: 200 (206 for a range) and every byte right. **whole**: 200 with the whole object for a range, as RFC 9110 allows where the size is unknown.
- **resumed**: as _served_, although the body of \`old\` broke: the rest came from the other backend.
- **breaks**: 200 or 206, and then the connection is broken off before the announced end. Never a short body that looks whole.
  Bodies up to 128 KiB, like the ranges here, are read completely before the response begins: one that breaks is a failure like any other, and the next backend is tried.
- **404** only where every backend proved that it has nothing; **502** where one failed, **504** where all that failed timed out.
- **degraded**: 200 with what the others list, and \`old\` named in \`degraded\` with its error.

**Cache-Control** is that of the answers to GET, GET of a range and HEAD, listed separately where they differ. \`no-store\`: errors, and what was answered after
a backend before it had failed, since that may hold something newer, or know that the name was deleted. _kept_: what the object says, or the configured
default. **breaker** says whether a GET that fails in this way _counts_ against \`old\`: when at least five, and at least half, of the latest fifteen requests do, it is
skipped for some seconds. A body that breaks after its headers, a refusal and an absence do not count.

## When no other backend has the object

${table(cases, false)}

## When another backend has it too

${table(cases, true)}

## What is copied while migrating

Whether R2 holds a right copy after one GET, and after one GET of a range. HEAD, \`exists\`, \`size\` and \`list\` copy nothing, and
whatever is not whole and right is not stored, in no case. Faults that are left out here copy as a healthy server does.

${copyTable(cases)}
`
}

function describeChain(position: Position): string {
  return CHAINS[position].map(({ name }) => `\`${name}\``).join(' → ')
}

function table(cases: readonly FaultCase[], elsewhere: boolean): string {
  const situations = SITUATIONS.filter((situation) => situation.elsewhere === elsewhere)
  const rows = cases.map((fault) => [
    fault.does,
    ...OPERATIONS.map((operation) =>
      theOnly(
        situations.map((situation) => wordFor(operation, { ...situation, fault })),
        `${fault.does}, ${operation}`,
      ),
    ),
    cacheControl(fault, situations),
    opensBreaker(fault) ? 'counts' : '—',
  ])
  const headings = OPERATIONS.map((operation) => HEADINGS[operation])
  return markdown(['the origin …', ...headings, 'Cache-Control', 'breaker'], rows)
}

/** A cell that must hold in all situations. */
function theOnly(words: readonly string[], cell: string): string {
  const [word = '', ...others] = new Set(words)
  if (others.length > 0) throw new Error(`${cell}: not the same everywhere: ${words.join()}`)
  return word
}

/** That of GET, of a range and of HEAD, or the one that they share. */
function cacheControl(fault: FaultCase, situations: readonly Situation[]): string {
  const values = (['get', 'range', 'head'] as const).map((operation) =>
    theOnly(
      situations.map((situation) => expected({ ...situation, fault, operation }).cacheControl ?? 'none'),
      `${fault.does}, Cache-Control of ${operation}`,
    ),
  )
  const short = values.map((value) => (value === 'no-store' ? value : 'kept'))
  return new Set(short).size === 1 ? (short[0] ?? '') : short.join(' / ')
}

function wordFor(operation: Operation, it: Situation & { fault: FaultCase }): string {
  const outcome = expected({ ...it, operation })
  const { status, content } = outcome
  if (typeof content === 'object') {
    if ('exists' in content) return String(content.exists)
    if ('size' in content) return 'the size'
    return content.degraded.length > 0 ? 'degraded' : content.from === null ? 'nothing' : 'listed'
  }
  if (status >= 400) return String(status)
  if (content === 'breaks') return 'breaks'
  if (isResumed(operation, it, outcome)) return 'resumed'
  return operation === 'range' && content === 'whole' ? 'whole' : 'served'
}

function isResumed(operation: Operation, { fault }: { fault: FaultCase }, { cacheStatus }: Outcome): boolean {
  if (operation !== 'get' && operation !== 'range') return false
  return cacheStatus?.endsWith('detail=old') === true && fault[operation] !== 'object'
}

function copyTable(cases: readonly FaultCase[]): string {
  const copies = (fault: FaultCase): string[] =>
    [false, true].flatMap((elsewhere) =>
      (['get', 'range'] as const).map((operation) => {
        const { copied } = expected({ position: 'middle', migrating: true, elsewhere, operation, fault })
        return copied ? 'copied' : '—'
      }),
    )
  const rows = cases.map((fault) => [fault.does, ...copies(fault)])
  return markdown(
    ['the origin …', 'GET, alone', 'range, alone', 'GET, another has it', 'range, another has it'],
    rows.filter((row) => row.includes('—')),
  )
}

/** Padded as oxfmt does it, so that the file passes its check. */
function markdown(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  )
  const lines = [headings, widths.map((width) => '-'.repeat(width)), ...rows]
  return lines
    .map((cells) => `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`)
    .join('\n')
}
