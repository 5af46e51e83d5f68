import { cancelBody } from '../../bodies/cancel.ts'
import {
  type S3Failure,
  isNotImplemented,
  parseListDocument,
  readDocument,
  readFailure,
  toS3Error,
} from './answers.ts'
import type { S3Client } from './request.ts'

/** What a server does with such a header of a PUT; `unknown` where that could not be found out. */
export type Support = 'heeded' | 'ignored' | 'refused' | 'unknown'

export interface S3Support {
  /** `If-None-Match: *` */
  ifNoneMatch: Support
  /** `If-Match` with an ETag */
  ifMatch: Support
  contentMd5: Support
}

export interface S3Probe {
  /** What the server supports; finds it out where that is not known yet. Never throws. */
  support(): Promise<S3Support>
  /** Adds what another request has shown. */
  learn(support: Partial<S3Support>): void
}

export interface ProbeOptions {
  /** What the keys of our own objects begin with, and no other object's. */
  ownPrefix: string
  /** Keeps the work going when the client that began it goes away (`waitUntil`). */
  keepAlive: (work: Promise<unknown>) => void
  onFailure: OnProbeFailure
}

/** Called with what a probe could not find out or remove, and what that means. */
export type OnProbeFailure = (
  failure: { backend: string; key: string; header?: string; consequence: string },
  error: unknown,
) => void

const UNKNOWN: S3Support = { ifNoneMatch: 'unknown', ifMatch: 'unknown', contentMd5: 'unknown' }
const PROBE_MS = 10_000
/** A probe that failed is not repeated with every write. */
const RETRY_MS = 60_000
/** R2 takes one write of a key a second. */
const BUSY_MS = 1100
/** What is older belongs to no probe that is still running, even where clocks differ. */
const LEFT_MS = 60 * 60 * 1000
const MAX_LEFT = 20
const BUSY = new Set([429, 503])
/** The ETag and the MD5 of nothing that is ever written here. */
const ZERO_TAG = `"${'0'.repeat(32)}"`
const ZERO_MD5 = 'AAAAAAAAAAAAAAAAAAAAAA=='

/**
 * Finds out what a server does with conditions and digests by objects of its own, which it removes again.
 * Once per isolate, before the first write that depends on it: a result that is kept for longer may have become wrong.
 */
export function createS3Probe(client: S3Client, options: ProbeOptions): S3Probe {
  const { ownPrefix, keepAlive, onFailure } = options
  let known = UNKNOWN
  let validUntil = 0
  let running: { since: number; done: Promise<void> } | undefined

  const begin = (): { since: number; done: Promise<void> } => {
    const folder = probeFolder(ownPrefix)
    const done = probe({ client, onFailure }, folder).then((support) => {
      known = support
      validUntil = Object.values(support).includes('unknown') ? Date.now() + RETRY_MS : Infinity
    })
    keepAlive(done)
    keepAlive(removeLeft({ client, onFailure }, folder))
    return { since: Date.now(), done }
  }

  return {
    async support() {
      if (Date.now() < validUntil) return known
      // A probe whose request the platform ended never settles.
      if (!running || Date.now() - running.since > PROBE_MS) running = begin()
      await settledOrLate(running.done)
      return known
    },
    learn(support) {
      known = { ...known, ...support }
    },
  }
}

/** Where probes are written. */
export function probeFolder(ownPrefix: string): string {
  return `${ownPrefix}probe/`
}

async function settledOrLate(done: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(late.resolve, PROBE_MS)
  await Promise.race([done, late.promise])
  clearTimeout(timer)
}

async function probe(server: Server, folder: string): Promise<S3Support> {
  const signal = AbortSignal.timeout(PROBE_MS)
  const begin = (): Place => ({ ...server, key: folder + crypto.randomUUID(), signal })
  const [ifNoneMatch, ifMatch, contentMd5] = await Promise.all([
    supportOf(begin(), { header: 'If-None-Match', value: '*', status: 412, replaces: true }),
    supportOf(begin(), { header: 'If-Match', value: ZERO_TAG, status: 412 }),
    supportOf(begin(), { header: 'Content-MD5', value: ZERO_MD5, status: 400 }),
  ])
  return { ifNoneMatch, ifMatch, contentMd5 }
}

interface Server {
  client: S3Client
  onFailure: OnProbeFailure
}

/** A key that only this probe uses. */
interface Place extends Server {
  key: string
  signal: AbortSignal
}

/** A header that cannot be satisfied. */
interface Demand {
  header: string
  value: string
  /** The status of a server that heeds it. */
  status: number
  /** It cannot be satisfied where there is an object already. */
  replaces?: boolean
}

async function supportOf(place: Place, demand: Demand): Promise<Support> {
  const { client, key, onFailure } = place
  let mayBeThere = false
  const store = async (headers: Record<string, string>): Promise<S3Failure | null> => {
    const wasThere = mayBeThere
    mayBeThere = true
    const response = await sendPatiently(place, 'PUT', headers)
    if (!response.ok) {
      mayBeThere = wasThere
      return readFailure(response, client.name)
    }
    await cancelBody(response.body)
    return null
  }
  try {
    const failure = demand.replaces ? await store({}) : null
    if (failure) throw toS3Error(failure, client.name)
    const refusal = await store({ [demand.header]: demand.value })
    if (!refusal) return 'ignored'
    if (isNotImplemented(refusal)) return 'refused'
    if (refusal.status === demand.status || refusal.document?.code === 'NoSuchKey') return 'heeded'
    throw toS3Error(refusal, client.name)
  } catch (error) {
    const consequence =
      'until this is known, a HEAD comes before each conditional write, and MD5s are checked here'
    onFailure({ backend: client.name, header: demand.header, key, consequence }, error)
    return 'unknown'
  } finally {
    if (mayBeThere) await remove(place)
  }
}

/** What cannot be removed does no harm: no object has such a name, and listings leave it out. */
async function remove(place: Omit<Place, 'signal'>): Promise<void> {
  const { client, key, onFailure } = place
  try {
    // The probe's own time may be up.
    const response = await sendPatiently({ ...place, signal: AbortSignal.timeout(PROBE_MS) }, 'DELETE')
    if (!response.ok) throw toS3Error(await readFailure(response, client.name), client.name)
    await cancelBody(response.body)
  } catch (error) {
    const consequence = 'an object of a few bytes stays: allow s3:DeleteObject, and remove it'
    onFailure({ backend: client.name, key, consequence }, error)
  }
}

/** Removes what earlier probes left: their isolate ended before they did, or the server failed. */
async function removeLeft(server: Server, folder: string): Promise<void> {
  const { client, onFailure } = server
  try {
    const query = { 'list-type': '2', 'max-keys': `${MAX_LEFT}`, prefix: folder }
    const response = await client.send({ method: 'GET', query, signal: AbortSignal.timeout(PROBE_MS) })
    if (!response.ok) throw toS3Error(await readFailure(response, client.name), client.name)
    const { entries } = await readDocument(response, client.name, parseListDocument)
    for (const { key, modified } of entries) {
      const isLeft = modified !== undefined && modified.getTime() < Date.now() - LEFT_MS
      if (isLeft) await remove({ ...server, key })
    }
  } catch (error) {
    const consequence = 'what earlier probes may have left stays, a few bytes each'
    onFailure({ backend: client.name, key: folder, consequence }, error)
  }
}

/** Repeats the request once where the server is busy. */
async function sendPatiently(
  { client, key, signal }: Place,
  method: 'PUT' | 'DELETE',
  headers: Record<string, string> = {},
): Promise<Response> {
  const body = method === 'PUT' ? { body: new TextEncoder().encode('What does this server support?') } : {}
  const send = (): Promise<Response> => client.send({ method, key, headers, signal, ...body })
  const response = await send()
  if (!BUSY.has(response.status)) return response
  await cancelBody(response.body)
  await new Promise((resolve) => setTimeout(resolve, BUSY_MS))
  return send()
}
