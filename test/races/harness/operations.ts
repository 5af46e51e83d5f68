import { evaluatePreconditions } from '../../../src/http/conditional.ts'
import { copyName } from '../../../src/migration/copy-name.ts'
import type { CopyResult } from '../../../src/migration/copy-result.ts'
import { createWriteBack } from '../../../src/migration/migration.ts'
import type { Backend } from '../../../src/storage/backend.ts'
import { deleteObjectIf } from '../../../src/methods/methods.ts'
import { StorageError } from '../../../src/storage/errors.ts'
import { type Chain, createChain } from '../../../src/chain/fallback.ts'
import type { ObjectInfo, StoredObject } from '../../../src/storage/object.ts'
import { putObject } from '../../../src/methods/put-object.ts'
import { save } from '../../../src/methods/save.ts'
import { undelete } from '../../../src/chain/tombstones.ts'
import type { Trace } from '../../../src/storage/trace.ts'
import type { State } from './linearizable.ts'

export const NAME = 'a.txt'
export const SOURCE = 'what the source has'
/** Small, so that a few bytes are several parts. */
const partBytes = 4

/** The result of an operation; `did` is its possible effect, `savedAs` the name of a save. */
export interface Answer {
  summary: string
  did: (state: State) => State | null
  savedAs?: string
  /** The bytes that were sent. */
  text?: string
}

/** The environment of an operation: its own chain, as in separate isolates, over shared storage. */
export interface World {
  chain: Chain
  /** Bytes that no other operation sends, unless they are empty. */
  text: string
  /** Whether the fallback has the name. */
  hasSource: boolean
}

export type Operation = (world: World) => Promise<Answer>

/** A chain over the primary, and a fallback that sends a length or not. */
export function chainOver(primary: Backend, hasSource: boolean, sendsLength: boolean): Chain {
  const bytes = new TextEncoder().encode(SOURCE)
  const info: ObjectInfo = {
    name: NAME,
    backend: 'old',
    etag: '"source"',
    ...(sendsLength && { size: bytes.length }),
  }
  const fallback: Backend = {
    name: 'old',
    type: 'memory',
    head: async (name) => (hasSource && name === NAME ? info : null),
    get: async (name) => (hasSource && name === NAME ? { ...info, body: streamOf(SOURCE) } : null),
  }
  return createChain([primary, fallback], { deletes: 'tombstone' })
}

const nothingDone = (state: State): State => state
const becomes = (text: string) => (): State => ({ text })

/** What a read finds, given the primary's state. */
function visible(state: State, hasSource: boolean): string | null {
  if (state === 'deleted') return null
  if (state !== 'nothing') return state.text
  return hasSource ? SOURCE : null
}

/** Of several chunks and of no known length, so that it is stored in parts. */
function streamOf(text: string): ReadableStream<Uint8Array> {
  const bytes = new TextEncoder().encode(text)
  let offset = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (offset >= bytes.length) return controller.close()
      controller.enqueue(bytes.slice(offset, (offset += 3)))
    },
  })
}

/** A refusal without an effect; these fakes cannot cause any other failure. */
async function unlessRefused(answer: Promise<Answer>): Promise<Answer> {
  try {
    return await answer
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    if (error.code !== 'precondition' && error.code !== 'unavailable') throw error
    return { summary: `refused: ${error.message}`, did: nothingDone }
  }
}

interface Seen {
  etag: string
  text: string | null
}

/** What a client read before it names that version. */
async function look(chain: Chain): Promise<Seen> {
  const object = await chain.get(NAME)
  return { etag: object?.etag ?? '"none"', text: object && (await new Response(object.body).text()) }
}

function allowing(method: 'PUT' | 'DELETE', headers: Record<string, string>) {
  return (current: ObjectInfo | null) =>
    evaluatePreconditions(method, new Headers(headers), current) === 'proceed'
}

type Body = (text: string) => Uint8Array | ReadableStream<Uint8Array>
const known: Body = (text) => new TextEncoder().encode(text)

function put(body: Body): Operation {
  return async ({ chain, text }) => {
    await putObject(chain, NAME, body(text), { partBytes })
    return { summary: 'stored', text, did: becomes(text) }
  }
}

function putIfAbsent(body: Body): Operation {
  return async ({ chain, text, hasSource }) => {
    const allows = allowing('PUT', { 'If-None-Match': '*' })
    await putObject(chain, NAME, body(text), { partBytes, allows })
    return { summary: 'stored', text, did: (state) => (visible(state, hasSource) === null ? { text } : null) }
  }
}

function putIfMatch(body: Body): Operation {
  return async ({ chain, text, hasSource }) => {
    const seen = await look(chain)
    await putObject(chain, NAME, body(text), {
      partBytes,
      allows: allowing('PUT', { 'If-Match': seen.etag }),
    })
    const summary = `stored in place of ${seen.text}`
    return { summary, text, did: (state) => (visible(state, hasSource) === seen.text ? { text } : null) }
  }
}

function saving(body: Body): Operation {
  return async ({ chain, text }) => {
    const { name: savedAs } = await save(chain, NAME, body(text), { partBytes })
    if (savedAs !== NAME) return { summary: `saved as ${savedAs}`, text, savedAs, did: nothingDone }
    return { summary: 'saved', text, savedAs, did: (state) => (typeof state === 'string' ? { text } : null) }
  }
}

const remove: Operation = async ({ chain }) => {
  await chain.delete(NAME)
  return { summary: 'deleted', did: () => 'deleted' }
}

const removeIfMatch: Operation = async ({ chain, hasSource }) => {
  const seen = await look(chain)
  await deleteObjectIf(chain, NAME, allowing('DELETE', { 'If-Match': seen.etag }))
  const did = (state: State): State | null =>
    visible(state, hasSource) === seen.text && seen.text !== null ? 'deleted' : null
  return { summary: `deleted ${seen.text}`, did }
}

const bringBack: Operation = async ({ chain }) => {
  const result = await undelete(chain, NAME)
  if (!result) return { summary: 'not deleted', did: nothingDone }
  return { summary: 'brought back', did: (state) => (state === 'deleted' ? 'nothing' : null) }
}

const read: Operation = async ({ chain, hasSource }) => {
  const { text } = await look(chain)
  return { summary: `read ${text}`, did: (state) => (visible(state, hasSource) === text ? state : null) }
}

function copied({ outcome }: CopyResult): Answer {
  if (outcome !== 'copied') return { summary: outcome, did: nothingDone }
  return { summary: outcome, did: (state) => (state === 'nothing' ? { text: SOURCE } : null) }
}

const queuedCopy: Operation = async ({ chain }) => copied(await copyName(chain, NAME, { partBytes }))

/** A read that copies what it streams, whose client ignores the copy. */
const inlineCopy: Operation = async ({ chain }) => {
  let work: Promise<unknown> = Promise.resolve()
  let ended: Promise<Answer> = Promise.resolve({ summary: 'nothing to copy', did: nothingDone })
  const writeBack = createWriteBack({
    chain,
    copyLater: () => false,
    keepAlive(promise) {
      work = promise
    },
    track(_, copy) {
      ended = copy.then(copied)
      // It is only awaited after the read.
      ended.catch(() => {})
      return copy
    },
  })
  const trace: Trace = []
  const object = await chain.get(NAME, { trace })
  if (!object) return ended
  writeBack(shared(object), trace)
  await Promise.all([object.body.cancel(), work])
  return ended
}

function shared(object: StoredObject): StoredObject {
  return {
    ...object,
    shared: { leader: true, copy: { begun: false }, whole: async () => {}, stream: () => streamOf(SOURCE) },
  }
}

/** By its name, and whether the fallback sends a length in it. */
export const OPERATIONS: Record<string, { run: Operation; sendsLength: boolean }> = Object.fromEntries(
  Object.entries({
    put: put(known),
    'put in parts': put(streamOf),
    'put if absent': putIfAbsent(known),
    'put if absent, in parts': putIfAbsent(streamOf),
    'put if match': putIfMatch(known),
    'put if match, in parts': putIfMatch(streamOf),
    save: saving(known),
    'save in parts': saving(streamOf),
    delete: remove,
    'delete if match': removeIfMatch,
    undelete: bringBack,
    read,
    'inline copy': inlineCopy,
    'queued copy': queuedCopy,
    'copy in parts': queuedCopy,
  }).map(([name, run]) => [
    name,
    { run: (world: World) => unlessRefused(run(world)), sendsLength: name !== 'copy in parts' },
  ]),
)
