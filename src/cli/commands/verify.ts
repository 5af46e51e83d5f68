import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { type Difference, type Verification, type VerificationRequest } from '../../client/client.ts'
import { CommandError, EXIT, usageError } from '../errors.ts'
import { count, type Lines, styled } from '../output.ts'
import { manyPages } from '../retries.ts'
import { type Session, wholeNumber, type WithSession } from '../session.ts'
import { isOver, watchJob } from '../watch-job.ts'

interface VerifyOptions {
  prefix?: string
  deep?: boolean
  rollback?: boolean
  mirror?: string
  accept?: string[]
  wait: boolean
  differences: number
  report?: string
  certificate?: string
  checkCopies?: boolean
  repair?: boolean
  maxPerSecond?: number
}

const EXAMPLES = 20
const MAX_PAGE = 1000

export function addVerify(program: Command, withSession: WithSession): void {
  program
    .command('verify')
    .summary('compare the backends, and say whether the fallbacks can be detached, or a move undone')
    .description(
      'Compares every object of the fallbacks with the primary: size first, then digests where both are known.\n' +
        'With --rollback, compares every object of the primary with its mirrors instead.\n' +
        'Exit code 3 unless the fallbacks can be detached safely, or with --rollback, unless the move can be undone.',
    )
    .argument('[id]', 'show this verification instead of starting one')
    .option('--prefix <prefix>', 'only names that begin with this')
    .option('--rollback', 'say whether a mirror can become the primary again')
    .option('--mirror <backend>', 'with --rollback: only this mirror')
    .option('--deep', 'compare the bytes too')
    .option('--check-copies', 'read the primary, and compare the bytes with the digests recorded there')
    .option('--repair', 'with --check-copies or --deep: copy damaged copies again')
    .option('--max-per-second <count>', 'the most requests per second', Number)
    .option(
      '--accept <reasons>',
      'reasons to accept, separated by commas: excluded, unlistable, equal_by_size, …',
      (reasons: string, before: string[] | undefined) => [...(before ?? []), ...reasons.split(',')],
    )
    .option('--no-wait', 'start the verification and return at once')
    .option('--differences <count>', 'show at most this many examples', wholeNumber, EXAMPLES)
    .option('--report <file>', 'write the certificate to this file, as HTML')
    .option('--certificate <file>', 'write the signed certificate to this file, as JSON')
    .addHelpText(
      'after',
      `
Examples:
  fallback-storage verify --report certificate.html
  fallback-storage verify --deep --prefix contracts/
  fallback-storage verify --accept excluded,unlistable
  fallback-storage verify --rollback
  fallback-storage verify --json -q && echo 'safe to switch off the old server'`,
    )
    .action(withSession(verify))
}

async function verify(session: Session, id: string | undefined, options: VerifyOptions): Promise<void> {
  const { client, output } = session
  const { prefix, deep, mirror } = options
  if (mirror !== undefined && !options.rollback) throw usageError('--mirror needs --rollback')
  const direction = options.rollback ? 'rollback' : undefined
  const { checkCopies: check_copies, repair, maxPerSecond: max_per_second } = options
  const reading = { check_copies, repair, max_per_second }
  // The Worker knows which reasons there are, and says so.
  const accept = options.accept as VerificationRequest['accept']
  const started =
    id === undefined
      ? await client.startVerification({ direction, mirror, prefix, deep, accept, ...reading })
      : await client.verification(id)
  const reattach = `fallback-storage verify ${started.id}`
  if (!options.wait && !isOver(started)) {
    if (output.json) return output.record(started)
    output.print(`verification ${started.id}: ${started.state}`)
    return output.note(`see the result with: ${reattach}`)
  }
  const done = await watchJob({
    label: 'verify',
    read: () => client.verification(started.id),
    position: ({ compared }) => ({ value: compared }),
    output,
    reattach,
  })
  if (options.report !== undefined) await writeFile(options.report, await client.verificationReport(done.id))
  if (options.certificate !== undefined)
    await writeFile(options.certificate, `${JSON.stringify(done, null, 2)}\n`)
  const examples = await differencesOf(session, done.id, options.differences)
  output.list([{ ...done, differences: examples }], () => verificationLines(done, examples))
  if (!isSafe(done)) throw new CommandError(EXIT.no)
}

async function differencesOf({ client }: Session, id: string, wanted: number): Promise<Difference[]> {
  const found: Difference[] = []
  const read = (cursor?: string) =>
    client.differences(id, { limit: Math.min(MAX_PAGE, wanted - found.length), cursor })
  for await (const { differences } of manyPages(read)) {
    found.push(...differences)
    if (found.length >= wanted) break
  }
  return found
}

function verificationLines(done: Verification, differences: readonly Difference[]): Lines {
  const { missing, different, changed, damaged, extra, not_deleted: notDeleted = 0, left_out: leftOut } = done
  // `unlistable` and `prefix` count no names, so they have no examples.
  const { unlistable: _, prefix: __, ...names } = leftOut
  const found = [missing, different, changed, damaged, extra, notDeleted, ...Object.values(names)].reduce(
    (sum, part) => sum + part,
  )
  const goal = done.direction === 'rollback' ? 'safe to roll back' : 'safe to detach'
  const result = isSafe(done) ? styled('green', goal) : styled('red', `not ${goal}`)
  const counts = [
    ...COUNTS.flatMap((key) => {
      const value = done[key]
      return value === undefined ? [] : [[`  ${key.replaceAll('_', ' ')}`, count(value)]]
    }),
    ...Object.entries(leftOut).map(([reason, many]) => [`  left out: ${reason}`, count(many)]),
  ]
  const prefixes = done.prefixes.map(({ prefix, objects, covered, coverage }) => [
    `    ${prefix === '' ? '(root)' : prefix}`,
    `${count(covered)} of ${count(objects)}`,
    percent(coverage),
  ])
  return [
    [`verification ${done.id}: ${done.state}, `, result],
    ...done.reasons.map((reason) => `  because ${reason}`),
    ...done.conditions
      .filter(({ met, decides }) => met === false && decides)
      .flatMap(({ next }) => (next === null ? [] : [`  next: ${next}`])),
    ...done.conditions.filter(isAdvice).map(({ seen, next }) => `  note: ${seen} ${next ?? ''}`.trimEnd()),
    ...done.accepted.map((accepted) => `  accepted: ${accepted.reason}, ${count(accepted.count)}`),
    done.as_of !== null &&
      `  as of ${done.as_of}, after ${count(done.passes)} ${done.passes === 1 ? 'pass' : 'passes'}`,
    { rows: counts, right: [1] },
    `  coverage ${percent(done.coverage)}`,
    { rows: prefixes, right: [1, 2] },
    { rows: differences.map(({ kind, name, detail }) => [kind, name, detail]) },
    found > differences.length &&
      differences.length > 0 &&
      `… ${count(found - differences.length)} more: see them with --differences COUNT`,
  ]
}

const COUNTS = [
  'compared',
  'equal',
  'equal_by_size',
  'missing',
  'different',
  'changed',
  'damaged',
  'repaired',
  'extra',
  'tombstoned',
  'not_deleted',
] as const

/** What is not known, or no reason against it and yet worth knowing. */
function isAdvice({ met, decides }: Verification['conditions'][number]): boolean {
  return met === null || (met === false && !decides)
}

function isSafe({ safe_to_detach: canDetach, safe_to_roll_back: canRollBack }: Verification): boolean {
  return canRollBack ?? canDetach
}

/** Rounded down, so that only everything is 100 %. */
function percent(part: number): string {
  return `${Math.floor(part * 1000) / 10} %`
}
