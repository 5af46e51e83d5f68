import { expect, it } from 'vitest'
import { createChain, type Chain } from '../../src/chain/fallback.ts'
import { undelete } from '../../src/chain/tombstones.ts'
import { deleteObjectIf } from '../../src/methods/methods.ts'
import { putObject } from '../../src/methods/put-object.ts'
import { save } from '../../src/methods/save.ts'
import { copyName } from '../../src/migration/copy-name.ts'
import { withPriorVersions } from '../../src/prior-versions/keep.ts'
import { StorageError } from '../../src/storage/errors.ts'
import type { ObjectInfo } from '../../src/storage/object.ts'
import { bytesOf } from '../kit/fakes.ts'
import { memoryBackend, type MemoryBackend } from '../kit/memory.ts'
import { createRandom } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'
import { indexInMemory } from '../prior-versions/index-in-memory.ts'
import { isLinearizable, type State } from './harness/linearizable.ts'
import { schedule, type Task } from './harness/scheduler.ts'
import type { Gate } from './harness/store.ts'

const NAME = 'a.txt'
const SOURCE = 'what the source has'

type Step = (state: State) => State | null
/** The effects that an operation may have had: several if it failed. */
interface Answer {
  summary: string
  steps: Step[]
}
interface World {
  chain: Chain
  text: string
}
/** Returns its effect if it succeeds, and calls `may` with the one that it may have had if it fails. */
type Operation = (world: World, may: (step: Step) => void) => Promise<Step>

const nothingDone: Step = (state) => state
const visible = (state: State): string | null => {
  if (state === 'deleted') return null
  return state === 'nothing' ? SOURCE : state.text
}

/** What a client read before it names that version. */
async function look(
  chain: Chain,
): Promise<{ text: string | null; matches: (now: ObjectInfo | null) => boolean }> {
  const object = await chain.get(NAME)
  const text = object && (await new Response(object.body).text())
  return { text, matches: (now) => now !== null && now.etag === object?.etag }
}

const OPERATIONS: Record<string, Operation> = {
  put: async ({ chain, text }, may) => {
    const step: Step = () => ({ text })
    may(step)
    await putObject(chain, NAME, bytesOf(text))
    return step
  },
  'put if absent': async ({ chain, text }, may) => {
    const step: Step = (state) => (visible(state) === null ? { text } : null)
    may(step)
    await putObject(chain, NAME, bytesOf(text), { allows: (now) => now === null })
    return step
  },
  'put if match': async ({ chain, text }, may) => {
    const seen = await look(chain)
    const step: Step = (state) => (visible(state) === seen.text ? { text } : null)
    may(step)
    await putObject(chain, NAME, bytesOf(text), { allows: seen.matches })
    return step
  },
  save: async ({ chain, text }, may) => {
    const step: Step = (state) => (typeof state === 'string' ? { text } : null)
    may(step)
    return (await save(chain, NAME, bytesOf(text))).name === NAME ? step : nothingDone
  },
  delete: async ({ chain }, may) => {
    const step: Step = () => 'deleted'
    may(step)
    await chain.delete(NAME)
    return step
  },
  'delete if match': async ({ chain }, may) => {
    const seen = await look(chain)
    const step: Step = (state) => (seen.text !== null && visible(state) === seen.text ? 'deleted' : null)
    may(step)
    await deleteObjectIf(chain, NAME, seen.matches)
    return step
  },
  undelete: async ({ chain }, may) => {
    const step: Step = (state) => (state === 'deleted' ? 'nothing' : null)
    may(step)
    return (await undelete(chain, NAME)) ? step : nothingDone
  },
  copy: async ({ chain }, may) => {
    const step: Step = (state) => (state === 'nothing' ? { text: SOURCE } : null)
    may(step)
    return (await copyName(chain, NAME)).outcome === 'copied' ? step : nothingDone
  },
}

/** Each call may fail before it is carried out, or after. */
function failing(backend: MemoryBackend, gate: Gate, chance: (of: number) => number): MemoryBackend {
  const call = async <T>(method: string, carryOut: () => Promise<T>): Promise<T> => {
    const fails = chance(20)
    const failure = new StorageError('unavailable', 'is down', { backend: backend.name })
    await gate(method + (['; its answer is lost', ', in vain'][fails] ?? ''))
    if (fails === 1) throw failure
    const result = await carryOut()
    if (fails === 0) throw failure
    return result
  }
  return {
    ...backend,
    get: (...args) => call(`get ${args[0]}`, () => backend.get(...args)),
    head: (...args) => call(`head ${args[0]}`, () => backend.head(...args)),
    put: (...args) => call(`put ${args[0]}`, () => backend.put(...args)),
    delete: (...args) => call(`delete ${args[0]}`, () => backend.delete(...args)),
  }
}

async function run(name: string, world: World): Promise<Answer> {
  const possible = [nothingDone]
  try {
    const step = await OPERATIONS[name]?.(world, (one) => void possible.push(one))
    return { summary: 'succeeded', steps: step ? [step] : [] }
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    // What is refused has no effect.
    return { summary: error.code, steps: error.code === 'precondition' ? [nothingDone] : possible }
  }
}

/** Runs a schedule; returns what is wrong with it, if anything. */
async function check(seed: number, seen: Set<string>): Promise<string | undefined> {
  const { below: pick } = createRandom(seed)
  const [primary, source] = [memoryBackend('primary'), memoryBackend('old')]
  await source.put(NAME, bytesOf(SOURCE))
  const { name, type, get, head } = source
  const keeps = pick(2) === 0
  const { index } = indexInMemory()
  const chainOver = (stored: MemoryBackend): Chain => {
    const first = keeps ? withPriorVersions(stored, () => index) : stored
    return createChain([first, { name, type, get, head }], { deletes: 'tombstone' })
  }
  const initial = (['nothing', 'deleted', { text: 'before' }] as const)[pick(3)] ?? 'nothing'
  if (initial === 'deleted') await chainOver(primary).delete(NAME)
  else if (initial !== 'nothing') await primary.put(NAME, bytesOf(initial.text))

  const names = Object.keys(OPERATIONS)
  const tasks = Array.from({ length: 2 + pick(2) }, (_, position): Task<Answer & { text: string }> => {
    const operation = names[pick(names.length)] ?? 'put'
    const text = `what ${position} sent`
    const { below: chance } = createRandom(seed * 8 + position)
    return {
      name: operation,
      run: async (gate) => ({
        ...(await run(operation, { chain: chainOver(failing(primary, gate, chance)), text })),
        text,
      }),
    }
  })
  const trace: string[] = []
  const ran = await schedule(tasks, pick, trace)
  for (const { name: operation, result } of ran) seen.add(`${operation}: ${result.summary}`)

  const found = primary.objects.get(NAME)
  const final: State = !found
    ? 'nothing'
    : !found.info.deleted
      ? { text: new TextDecoder().decode(found.bytes) }
      : found.info.lifted
        ? 'nothing'
        : 'deleted'
  const explains = (steps: readonly Step[]): boolean => {
    const next = ran[steps.length]
    if (next) return next.result.steps.some((step) => explains([...steps, step]))
    const events = ran.map(({ began, ended }, at) => ({ began, ended, step: steps[at] ?? nothingDone }))
    return isLinearizable(events, initial, final)
  }
  const kept = [...primary.objects.values()].map(({ bytes }) => new TextDecoder().decode(bytes))
  const acknowledged = ran.flatMap(({ result: { steps, text } }) => {
    const [step] = steps
    const stores =
      steps.length === 1 && step !== undefined && JSON.stringify(step('nothing') ?? step('deleted'))
    return stores && stores.includes(text) ? [text] : []
  })
  if (typeof initial !== 'string') acknowledged.push(initial.text)
  const lost = keeps ? acknowledged.filter((text) => !kept.includes(text)) : []
  if (lost.length === 0 && explains([])) return undefined
  const answers = ran.map(
    ({ began, ended, ...one }) => `  ${began}–${ended} ${one.name}: ${one.result.summary}`,
  )
  return [
    `seed ${seed}, begins with ${JSON.stringify(initial)}, keeps versions: ${keeps}, lost: ${lost.join()}`,
    ...answers,
    ...trace.map((line) => `    ${line}`),
    `  in the end: ${JSON.stringify(final)}`,
  ].join('\n')
}

it(
  'what was acknowledged last wins, and no version is lost, if storage fails before or after it carries out a request',
  { timeout: 300_000 },
  async () => {
    const first = sized(Date.now() % 1_000_000, 0)
    const seen = new Set<string>()
    for (let seed = first; seed < first + sized(8000, 600); seed++)
      expect(await check(seed, seen)).toBeUndefined()
    // Every operation has succeeded, and failed.
    for (const name of Object.keys(OPERATIONS))
      expect([...seen]).toEqual(expect.arrayContaining([`${name}: succeeded`, `${name}: unavailable`]))
  },
)
