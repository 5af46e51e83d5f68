import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { wholeNumber } from '../arguments.ts'
import { CommandError, EXIT } from '../exit.ts'
import { columns, count } from '../format.ts'
import type { Difference, DifferencePage, Verification, VerificationRequest } from '../../client/client.ts'
import { watchJob } from '../job-progress.ts'
import { styled, type Text } from '../output.ts'
import { type Session, sessionOf } from '../session.ts'

interface VerifyOptions {
  prefix?: string
  deep?: boolean
  accept?: string[]
  wait: boolean
  differences: number
  report?: string
}

const EXAMPLES = 20
const MAX_PAGE = 1000

export function addVerify(program: Command): void {
  program
    .command('verify')
    .summary('compare both sides, and say whether the fallbacks can be detached')
    .description(
      'Compares every object of the fallbacks with the primary: size first, then digests where both are known.\n' +
        'Exit code 3 unless the fallbacks can be detached safely.',
    )
    .argument('[id]', 'show this verification instead of starting one')
    .option('--prefix <prefix>', 'only names that begin so')
    .option('--deep', 'compare the bytes too')
    .option(
      '--accept <reasons>',
      'not in the way, separated by commas: excluded, unlistable, equal_by_size, …',
      (reasons: string) => reasons.split(','),
    )
    .option('--no-wait', 'start it, print it and leave')
    .option('--differences <count>', 'so many examples at most', wholeNumber, EXAMPLES)
    .option('--report <file>', 'write the certificate there, as a page of HTML')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage verify --report certificate.html
  fallback-storage verify --deep --prefix contracts/
  fallback-storage verify --accept excluded,unlistable
  fallback-storage verify --json -q && echo 'the old server can go'`,
    )
    .action(async (id: string | undefined, options: VerifyOptions, command: Command) => {
      await verify(sessionOf(command), id, options)
    })
}

async function verify(session: Session, id: string | undefined, options: VerifyOptions): Promise<void> {
  const { client, output } = session
  const { prefix, deep, accept, wait } = options
  const begun =
    id === undefined
      ? await client.startVerification({
          ...(prefix !== undefined && { prefix }),
          ...(deep && { deep }),
          // The Worker says which reasons there are.
          ...(accept && { accept: accept as NonNullable<VerificationRequest['accept']> }),
        })
      : await client.verification(id)
  const again = `fallback-storage verify ${begun.id}`
  if (!wait && begun.state === 'running') {
    if (output.json) return output.record(begun)
    output.line(`verification ${begun.id}: ${begun.state}`)
    return output.note(`see it with: ${again}`)
  }
  const done = await watchJob({
    label: 'verify',
    read: () => client.verification(begun.id),
    isOver: ({ state }) => state !== 'running',
    position: ({ compared }) => ({ value: compared }),
    // One document is the answer here, not each step on the way to it.
    output: { ...output, json: false, quiet: output.quiet || output.json },
    again,
  })
  if (options.report !== undefined) await writeFile(options.report, await client.verificationReport(done.id))
  const examples = await differencesOf(session, done.id, options.differences)
  if (output.json) output.record({ ...done, differences: examples })
  else for (const line of verificationLines(done, examples)) output.line(line)
  if (!done.safe_to_detach) throw new CommandError(EXIT.no)
}

async function differencesOf({ client }: Session, id: string, wanted: number): Promise<Difference[]> {
  const found: Difference[] = []
  let cursor: string | null = null
  do {
    const limit = Math.min(MAX_PAGE, wanted - found.length)
    const page: DifferencePage = await client.differences(id, { limit, ...(cursor !== null && { cursor }) })
    found.push(...page.differences)
    cursor = page.cursor
  } while (cursor !== null && found.length < wanted)
  return found
}

function verificationLines(done: Verification, differences: readonly Difference[]): Text[] {
  const { missing, different, changed, extra, left_out: leftOut } = done
  // Neither a fallback that cannot list nor a prefix has examples.
  const { unlistable: _, prefix: __, ...names } = leftOut
  const leftOutNames = Object.values(names).reduce((sum, part) => sum + part, 0)
  const found = missing + different + changed + extra + leftOutNames
  const verdict = done.safe_to_detach
    ? styled('green', 'safe to detach')
    : styled('red', 'not safe to detach')
  return [
    [`verification ${done.id}: ${done.state}, `, verdict],
    ...done.reasons.map((reason) => `  because ${reason}`),
    ...done.accepted.map((accepted) => `  accepted: ${accepted.reason}, ${count(accepted.count)}`),
    ...(done.as_of === null ? [] : [`  as of ${done.as_of}, after ${count(done.passes)} passes`]),
    ...columns(
      [
        ...COUNTS.map((key) => [`  ${key.replaceAll('_', ' ')}`, count(done[key])]),
        ...Object.entries(leftOut).map(([reason, many]) => [`  left out: ${reason}`, count(many)]),
      ],
      [1],
    ),
    `  coverage ${percent(done.coverage)}`,
    ...columns(
      done.prefixes.map(({ prefix, objects, covered, coverage }) => [
        `    ${prefix === '' ? '(root)' : prefix}`,
        `${count(covered)} of ${count(objects)}`,
        percent(coverage),
      ]),
      [1, 2],
    ),
    ...columns(differences.map(({ kind, name, detail }) => [kind, name, detail])),
    ...(found > differences.length && differences.length > 0
      ? [`… ${count(found - differences.length)} more: --differences shows so many`]
      : []),
  ]
}

const COUNTS = [
  'compared',
  'equal',
  'equal_by_size',
  'missing',
  'different',
  'changed',
  'extra',
  'tombstoned',
] as const

/** Never rounded up to all of it. */
function percent(part: number): string {
  return `${Math.floor(part * 1000) / 10} %`
}
