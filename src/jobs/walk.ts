import pLimit from 'p-limit'
import type { ListableBackend, ListOptions } from '../storage/backend.ts'
import { StorageError, toStorageError } from '../storage/errors.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { compareNames } from '../storage/order.ts'

/** Where a walk stands, to be kept and taken up again. */
export interface WalkPosition {
  /** The last name that was taken. */
  last?: string
  marks: Record<string, Mark>
}

/** Told all there is; or the page that it stands in, for a backend that cannot list after a name. */
interface Mark {
  done?: boolean
  cursor?: string
}

export interface Held {
  backend: ListableBackend
  object: ObjectInfo
}

/** One name, and who lists it, in the order of the backends. */
export interface Step {
  name: string
  held: Held[]
}

/** All names of some backends side by side, in UTF-8 byte order, one listing call for each page of each. */
export interface Walk {
  /** The next name; `undefined` when `ask` must come first, or at the end. */
  take(): Step | undefined
  readonly ended: boolean
  /** Asks whoever must be asked before the next name is certain. Throws the StorageError of one that fails. */
  ask(): Promise<void>
  position(): WalkPosition
}

interface Walker {
  backend: ListableBackend
  entries: ObjectInfo[]
  index: number
  /** What the page in `entries` was asked for with. */
  from: string | undefined
  /** The next page. */
  more: string | undefined
  asked: boolean
  finished: boolean
}

/** A Worker has six connections that may wait for headers. */
const CONCURRENCY = 5

export function createWalk(
  backends: readonly ListableBackend[],
  prefix: string,
  before: WalkPosition = { marks: {} },
): Walk {
  let last = before.last
  const walkers = backends.map((backend) => createWalker(backend, before.marks[backend.name] ?? {}))

  const askOne = async (walker: Walker): Promise<void> => {
    const { backend, more, asked } = walker
    const after = !asked && more === undefined && backend.listsAfter === true ? last : undefined
    const options: ListOptions = {
      prefix,
      limit: 1000,
      // What is left out must be counted.
      everything: true,
      ...(more !== undefined && { cursor: more }),
      ...(after !== undefined && { after }),
    }
    const page = await backend.list(options).catch((error: unknown) => {
      throw toStorageError(error, backend.name)
    })
    if (page.cursor !== undefined && page.cursor === more)
      throw new StorageError('unavailable', 'gave the same listing cursor twice', { backend: backend.name })
    const floor = last
    const fresh = (name: string): boolean => floor === undefined || compareNames(name, floor) > 0
    walker.entries = page.objects.filter(({ name }) => fresh(name))
    walker.index = 0
    walker.from = more
    walker.more = page.cursor
    walker.asked = true
    walker.finished = page.cursor === undefined
  }

  return {
    take() {
      if (walkers.some(isBlocked)) return undefined
      const name = firstName(walkers)
      if (name === undefined) return undefined
      const held: Held[] = []
      for (const walker of walkers) {
        const object = walker.entries[walker.index]
        if (object?.name !== name) continue
        held.push({ backend: walker.backend, object })
        walker.index++
      }
      last = name
      return { name, held }
    },
    get ended() {
      return walkers.every(({ finished, index, entries }) => finished && index === entries.length)
    },
    async ask() {
      const limit = pLimit(CONCURRENCY)
      const answers = await Promise.allSettled(
        walkers.filter(isBlocked).map((walker) => limit(askOne, walker)),
      )
      for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
    },
    position: () => ({
      ...(last !== undefined && { last }),
      marks: Object.fromEntries(walkers.map((walker) => [walker.backend.name, markOf(walker)])),
    }),
  }
}

/** So many names; fewer at the end. Throws the StorageError of a backend that cannot be listed. */
export async function take(walk: Walk, limit: number): Promise<Step[]> {
  const steps: Step[] = []
  while (steps.length < limit) {
    const step = walk.take()
    if (step) steps.push(step)
    else if (walk.ended) break
    else await walk.ask()
  }
  return steps
}

function createWalker(backend: ListableBackend, { done = false, cursor }: Mark): Walker {
  return { backend, entries: [], index: 0, from: cursor, more: cursor, asked: false, finished: done }
}

function isBlocked({ finished, index, entries }: Walker): boolean {
  return !finished && index === entries.length
}

function firstName(walkers: readonly Walker[]): string | undefined {
  let first: string | undefined
  for (const { entries, index } of walkers) {
    const name = entries[index]?.name
    if (name !== undefined && (first === undefined || compareNames(name, first) < 0)) first = name
  }
  return first
}

function markOf({ backend, finished, index, entries, from, more }: Walker): Mark {
  if (finished && index === entries.length) return { done: true }
  if (backend.listsAfter) return {}
  const cursor = index === entries.length ? more : from
  return cursor === undefined ? {} : { cursor }
}
