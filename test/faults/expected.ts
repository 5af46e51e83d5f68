import type { Effect, FaultCase } from '../kit/origin/fault-case.ts'
import { CHAINS, type Case, type Member } from './situations.ts'

/** The response to one request, and its effect on R2. */
export interface Outcome {
  status: number
  /** The bytes of a GET, the response of the API, or `breaks` for a body that fails before its end. */
  content: 'whole' | 'part' | 'breaks' | 'none' | Listing | { exists: boolean } | { size: 'right' }
  /** `Cache-Status` without the cache's own name. Absent for API responses. */
  cacheStatus?: string
  /** Absent for API responses. */
  cacheControl?: string
  /** Which backends were tried, from `Server-Timing`. */
  trace?: string[]
  /** `backends` of the problem document. */
  failures?: string[]
  /** Whether R2 has a new, correct copy. */
  copied: boolean
}

export interface Listing {
  from: string | null
  degraded: string[]
}

/** What a client must see. */
export function expected(it: Case): Outcome {
  return it.operation === 'list' ? expectedListing(it) : expectedRead(it)
}

type Read = 'get' | 'range' | 'head'

/** The read behind an operation: the API's results about an object come from its headers. */
function readOf({ operation }: Case): Read {
  return operation === 'get' || operation === 'range' ? operation : 'head'
}

function effectIn(it: Case, { holds }: Member, read: Read): Effect {
  if (holds === 'with a fault') return it.fault[read]
  return holds === 'in case of elsewhere' && it.elsewhere ? 'object' : 'absent'
}

/** What a body that fails means for readers that wait for its end. */
const ENDINGS: Partial<Record<Effect, Effect>> = { breaks: 'unavailable', stalls: 'timeout' }

/** The requested part is small, so it is read completely before the response begins: one that breaks is a failure like any other. */
function effectOnAnswer(it: Case, member: Member, read: Read): Effect {
  const effect = effectIn(it, member, read)
  const isHeld = read === 'range' && !isSizeUnknown(it.fault, member, read)
  if (!isHeld || bodyFrom(it, member, read) === 'whole') return effect
  return ENDINGS[effect] ?? effect
}

const ANSWERS: readonly Effect[] = ['object', 'breaks', 'stalls']
const DESCRIPTIONS: Partial<Record<Effect, string>> = { absent: 'absent', timeout: 'timeout' }

/** Whether GETs with this fault open the breaker. A body that breaks later is resumed, or fails its reader. */
export function opensBreaker({ get, refusesRequest }: FaultCase): boolean {
  return !refusesRequest && (get === 'unavailable' || get === 'timeout')
}

/** Backends are tried in order; the first success answers, and only unanimous absence is a miss. */
function expectedRead(it: Case): Outcome {
  const read = readOf(it)
  const isMedia = read === it.operation
  const trace: string[] = []
  const failures: string[] = []
  let lacksSize = false
  for (const member of CHAINS[it.position]) {
    const effect = effectOnAnswer(it, member, read)
    const answers = ANSWERS.includes(effect)
    trace.push(`${member.name}: ${answers ? 'hit' : (DESCRIPTIONS[effect] ?? 'error')}`)
    if (!answers && effect !== 'absent') failures.push(`${member.name}: ${effect}`)
    if (!answers) continue
    if (it.operation === 'size' && isSizeUnknown(it.fault, member, 'head')) lacksSize = true
    else return served(it, member, isMedia ? { trace, cacheControl: cacheControlAfter(failures) } : {})
  }
  if (it.operation === 'exists' && failures.length === 0)
    return { status: 200, content: { exists: false }, copied: false }
  const status = failures.length > 0 ? statusOf(failures) : lacksSize ? 501 : 404
  return {
    status,
    content: 'none',
    cacheControl: NO_STORE,
    ...(isMedia && { cacheStatus: 'fwd=uri-miss', trace }),
    // A response to HEAD has no document.
    ...(failures.length > 0 && it.operation !== 'head' && { failures }),
    copied: false,
  }
}

/** 504 if all that failed timed out. */
function statusOf(failures: readonly string[]): number {
  return failures.every((failure) => failure.endsWith('timeout')) ? 504 : 502
}

const NO_STORE = 'no-store'

/** A backend that failed may have a newer version, or a tombstone. */
function cacheControlAfter(failures: readonly string[]): string {
  return failures.length > 0 ? NO_STORE : 'public, max-age=3600'
}

function served(it: Case, member: Member, media: Pick<Outcome, 'trace' | 'cacheControl'>): Outcome {
  const { operation, migrating, fault } = it
  if (operation === 'exists') return { status: 200, content: { exists: true }, copied: false }
  if (operation === 'size') return { status: 200, content: { size: 'right' }, copied: false }
  const isFirst = CHAINS[it.position][0] === member
  const body = bodyFrom(it, member, readOf(it))
  // A read copies to the first writable backend, if that stands before the one that answered.
  const copies = migrating && operation !== 'head' && !isFirst && it.position !== 'first'
  const isPart = operation === 'range' && !isSizeUnknown(fault, member, 'range')
  return {
    status: isPart ? 206 : 200,
    content: operation === 'head' ? 'none' : body === 'whole' && isPart ? 'part' : body,
    cacheStatus: `${isFirst ? 'hit' : `fwd=uri-miss${copies ? '; stored' : ''}`}; detail=${member.name}`,
    ...media,
    copied: copies && copyIsWhole(it, member),
  }
}

/** A body that breaks is resumed if its size is known and another backend has the same object. */
function bodyFrom(it: Case, member: Member, read: Read): 'whole' | 'breaks' {
  if (effectIn(it, member, read) === 'object') return 'whole'
  const isResumable = !isSizeUnknown(it.fault, member, read) && !it.fault.overstatesSize
  return isResumable && it.elsewhere ? 'whole' : 'breaks'
}

/** A whole body of known size is copied while it is served; others are copied later, from the first backend whose HEAD finds the name. */
function copyIsWhole(it: Case, member: Member): boolean {
  if (it.operation === 'get' && !isSizeUnknown(it.fault, member, 'get'))
    return bodyFrom(it, member, 'get') === 'whole'
  const source = CHAINS[it.position].find((candidate) => effectIn(it, candidate, 'head') === 'object')
  if (!source) return false
  const effect = effectIn(it, source, 'get')
  return ANSWERS.includes(effect) && bodyFrom(it, source, 'get') === 'whole'
}

function isSizeUnknown({ sizeUnknown }: FaultCase, { holds }: Member, read: Read): boolean {
  return holds === 'with a fault' && sizeUnknown?.includes(read) === true
}

/** The union of all listings; backends that failed are named. A listing is a body that is read to its end at once. */
function expectedListing(it: Case): Outcome {
  const effects = CHAINS[it.position].map((member) => {
    const effect = effectIn(it, member, 'get')
    return { name: member.name, effect: ENDINGS[effect] ?? effect }
  })
  const degraded = effects.filter(({ effect }) => effect !== 'object' && effect !== 'absent')
  return {
    status: 200,
    content: {
      from: effects.find(({ effect }) => effect === 'object')?.name ?? null,
      degraded: degraded.map(({ name, effect }) => `${name}: ${effect}`),
    },
    copied: false,
  }
}
