import { describe, expect, it } from 'vitest'
import { createRandom } from '../../kit/random.ts'
import { sized } from '../../kit/sample.ts'
import { type Answer, chainOver, NAME, OPERATIONS } from './operations.ts'
import { isLinearizable, type State } from './linearizable.ts'
import { type Ran, schedule, type Task } from './scheduler.ts'
import { type Bucket, createBucket } from './store.ts'
import { type Primary, primaryOver } from './subject.ts'

/** Only the schedule with this seed, as printed by a failure. */
const REPLAY: number | undefined = undefined

const INITIAL: Record<string, State> = {
  nothing: 'nothing',
  object: { text: 'before' },
  tombstone: 'deleted',
  'lifted tombstone': 'nothing',
}

/**
 * The properties of every schedule, that is, of every order of the storage calls of operations on one name:
 *
 * - There is an order of the operations that explains each result, that respects which ones were acknowledged before others
 *   began, and whose last state is the primary's actual one: the last acknowledged one wins.
 * - A save is given the name only where that is free: so it is never given twice without a delete between. Where a save was given
 *   another one, it is there under that, and no other save was given it.
 * - Nothing that was staged is left, and no upload in parts is open.
 */
export function describeSchedules(
  primary: Primary,
  { full, sample }: { full: number; sample: number },
): void {
  describe(`whatever order storage is called in: ${primary}`, () => {
    it('what was acknowledged last wins, and no save is lost', { timeout: 300_000 }, async () => {
      // Different ones each time if there are many, the same ones if there are few.
      const first = sized(Date.now() % 1_000_000, 0)
      const count = sized(full, sample)
      const seeds =
        REPLAY === undefined ? Array.from({ length: count }, (_, index) => first + index) : [REPLAY]
      const seen = new Map<string, number>()
      for (const seed of seeds) {
        for (const { name, result } of await check(primary, seed)) {
          const key = `${name}: ${result.summary.split(' ')[0]}`
          seen.set(key, (seen.get(key) ?? 0) + 1)
        }
      }
      if (REPLAY !== undefined) return
      // Without these, the harness would prove nothing: every operation has succeeded, and lost races.
      for (const outcome of ['stored', 'refused:', 'saved', 'deleted', 'brought', 'copied', 'present'])
        expect([outcome, [...seen.keys()].some((key) => key.endsWith(`: ${outcome}`))]).toEqual([
          outcome,
          true,
        ])
      for (const name of Object.keys(OPERATIONS))
        expect([name, [...seen.keys()].some((key) => key.startsWith(`${name}: `))]).toEqual([name, true])
    })
  })
}

async function check(kind: Primary, seed: number): Promise<Ran<Answer>[]> {
  const { below: pick } = createRandom(seed)
  const oneOf = <T>(choices: readonly T[]): T => choices[pick(choices.length)] as T

  const hasSource = pick(4) > 0
  const begin = oneOf(Object.keys(INITIAL))
  const bucket = createBucket()
  await prepare(kind, bucket, begin)
  const tasks = Array.from({ length: 2 + pick(3) }, (_, index) => {
    const name = oneOf(Object.keys(OPERATIONS))
    return task(kind, bucket, { name, hasSource, text: pick(6) === 0 ? '' : `what ${index} sent` })
  })
  const trace: string[] = []
  const ran = await schedule(tasks, pick, trace)

  const wrong = whatIsWrong(bucket, ran, INITIAL[begin] ?? 'nothing')
  if (wrong === undefined) return ran
  const answers = ran.map(
    ({ name, began, ended, result }) => `  ${began}–${ended} ${name}: ${result.summary}`,
  )
  const report = [
    `${wrong}; seed ${seed} of ${kind}, which begins with ${begin}, source: ${hasSource}`,
    ...answers,
    ...trace.map((line) => `    ${line}`),
    `  in the end: ${JSON.stringify(stateOf(bucket))}, ${[...bucket.objects.keys()].join()}`,
  ]
  throw new Error(report.join('\n'))
}

interface Plan {
  name: string
  hasSource: boolean
  text: string
}

function task(kind: Primary, bucket: Bucket, { name, hasSource, text }: Plan): Task<Answer> {
  const operation = OPERATIONS[name]
  if (!operation) throw new TypeError(`no operation ${name}`)
  return {
    name,
    run: (gate) =>
      operation.run({
        chain: chainOver(primaryOver(kind, bucket, gate), hasSource, operation.sendsLength),
        text,
        hasSource,
      }),
  }
}

async function prepare(kind: Primary, bucket: Bucket, begin: string): Promise<void> {
  const chain = chainOver(
    primaryOver(kind, bucket, async () => {}),
    true,
    true,
  )
  const operations: Record<string, string[]> = {
    object: ['put'],
    tombstone: ['delete'],
    'lifted tombstone': ['delete', 'undelete'],
  }
  for (const name of operations[begin] ?? [])
    await OPERATIONS[name]?.run({ chain, text: 'before', hasSource: true })
}

/** What is wrong with the result. */
function whatIsWrong(bucket: Bucket, ran: readonly Ran<Answer>[], initial: State): string | undefined {
  const names = ran.flatMap(({ result }) => result.savedAs ?? []).filter((name) => name !== NAME)
  if (new Set(names).size < names.length) return 'a name was given twice'
  for (const { result } of ran) {
    if (result.savedAs === undefined || result.savedAs === NAME) continue
    const found = bucket.objects.get(result.savedAs)
    if (!found || textOf(found.bytes) !== result.text) return `${result.savedAs} is not what was saved`
  }
  const strange = [...bucket.objects.keys()].filter((key) => key !== NAME && !names.includes(key))
  if (strange.length > 0) return `${strange.join()} was left`
  if (bucket.uploads.size > 0) return 'an upload in parts was left open'
  const events = ran.map(({ began, ended, result }) => ({ began, ended, step: result.did }))
  if (!isLinearizable(events, initial, stateOf(bucket))) return 'no order of the operations explains this'
  return undefined
}

export function stateOf({ objects }: Bucket): State {
  const found = objects.get(NAME)
  if (!found) return 'nothing'
  const { metadata } = found
  if (metadata['fallback-storage-lifted'] !== undefined) return 'nothing'
  if (metadata['fallback-storage-deleted'] !== undefined) return 'deleted'
  return { text: textOf(found.bytes) }
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
