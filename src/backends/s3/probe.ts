import { cancelBody } from '../../bodies/cancel.ts'
import { S3Error, isConditionFailed, isNotImplemented, readDocument } from './errors.ts'
import type { S3Client } from './request.ts'
import { parseListDocument } from './xml.ts'

/** What headers of a PUT the server heeds; absent where that could not be found out. */
export interface S3Support {
  /** `If-None-Match: *` */
  ifNoneMatch?: boolean | undefined
  /** `If-Match` with an ETag */
  ifMatch?: boolean | undefined
  contentMd5?: boolean | undefined
}

export interface S3Probe {
  /** What the server supports; finds it out where that is not known yet. Never throws. */
  support(): Promise<S3Support>
  /** Adds what another request has shown. */
  learn(support: S3Support): void
}

interface ProbeOptions {
  /** What the keys of probes begin with, and no other object's. */
  folder: string
  /** Keeps the work going when the client that began it goes away (`waitUntil`). */
  keepAlive: (work: Promise<unknown>) => void
  onFailure: OnProbeFailure
}

/** Called with what a probe could not find out or remove, and what that means. */
export type OnProbeFailure = (
  failure: { backend: string; key: string; header?: string; consequence: string },
  error: unknown,
) => void

const PROBE_MS = 10_000
/** A probe that failed is not repeated with every write. */
const RETRY_MS = 60_000
/** R2 takes one write of a key a second. */
const BUSY_MS = 1100
const BUSY = new Set<number | undefined>([429, 503])
/** What is older belongs to no probe that is still running, even where clocks differ. */
const LEFT_MS = 60 * 60 * 1000
const MAX_LEFT = 20

/** A header that no server can satisfy: one that heeds it refuses the PUT. */
interface Demand {
  header: string
  value: string
  /** It cannot be satisfied where there is an object already. */
  needsObject?: boolean
}

/** The ETag and the MD5 are those of nothing that is ever written here. */
const DEMANDS: Record<keyof S3Support, Demand> = {
  ifNoneMatch: { header: 'If-None-Match', value: '*', needsObject: true },
  ifMatch: { header: 'If-Match', value: `"${'0'.repeat(32)}"` },
  contentMd5: { header: 'Content-MD5', value: 'AAAAAAAAAAAAAAAAAAAAAA==' },
}

/**
 * Finds out what a server does with conditions and digests by objects of its own, which it removes again.
 * Once per isolate, before the first write that depends on it: a result that is kept for longer may have become wrong.
 */
export function createS3Probe(client: S3Client, options: ProbeOptions): S3Probe {
  let known: S3Support = {}
  let validUntil = 0
  let running: { since: number; done: Promise<void> } | undefined

  const probe = async (): Promise<void> => {
    const signal = AbortSignal.timeout(PROBE_MS)
    const heeds = (demand: Demand): Promise<boolean | undefined> =>
      isHeeded({ client, key: options.folder + crypto.randomUUID(), signal, ...options }, demand)
    const [ifNoneMatch, ifMatch, contentMd5] = await Promise.all([
      heeds(DEMANDS.ifNoneMatch),
      heeds(DEMANDS.ifMatch),
      heeds(DEMANDS.contentMd5),
    ])
    known = { ifNoneMatch, ifMatch, contentMd5 }
    validUntil = Object.values(known).includes(undefined) ? Date.now() + RETRY_MS : Infinity
  }

  return {
    async support() {
      if (Date.now() < validUntil) return known
      // A probe whose request the platform ended never settles.
      if (!running || Date.now() - running.since > PROBE_MS) {
        running = { since: Date.now(), done: probe() }
        options.keepAlive(running.done)
        options.keepAlive(removeLeft(client, options))
      }
      await Promise.race([running.done, scheduler.wait(PROBE_MS)])
      return known
    },
    learn(support) {
      known = { ...known, ...support }
    },
  }
}

/** A key that only this probe uses. */
interface Place {
  client: S3Client
  key: string
  signal: AbortSignal
  onFailure: OnProbeFailure
}

/** Whether the server refuses what the header forbids; `undefined` where that could not be found out. */
async function isHeeded(place: Place, { header, value, needsObject }: Demand): Promise<boolean | undefined> {
  const { client, key, onFailure } = place
  let mayBeThere = false
  const store = async (headers: Record<string, string>): Promise<void> => {
    try {
      await sendPatiently(place, 'PUT', headers)
      mayBeThere = true
    } catch (error) {
      // An answer shows that nothing was stored.
      mayBeThere ||= !(error instanceof S3Error)
      throw error
    }
  }
  try {
    if (needsObject) await store({})
    await store({ [header]: value })
    return false
  } catch (error) {
    if (isNotImplemented(error)) return false
    const isRefusal = header === 'Content-MD5' ? hasStatus(error, 400) : isConditionFailed(error)
    if (isRefusal) return true
    const consequence =
      'until this is known, a HEAD comes before each conditional write, and MD5s are checked here'
    onFailure({ backend: client.name, header, key, consequence }, error)
    return undefined
  } finally {
    if (mayBeThere) await remove(place)
  }
}

/** What cannot be removed does no harm: no object has such a name, and listings leave it out. */
async function remove(place: Omit<Place, 'signal'>): Promise<void> {
  try {
    // The probe's own time may be up.
    await sendPatiently({ ...place, signal: AbortSignal.timeout(PROBE_MS) }, 'DELETE')
  } catch (error) {
    const consequence = 'an object of a few bytes stays: allow s3:DeleteObject, and remove it'
    place.onFailure({ backend: place.client.name, key: place.key, consequence }, error)
  }
}

/** Removes what earlier probes left: their isolate ended before they did, or the server failed. */
async function removeLeft(client: S3Client, { folder, onFailure }: ProbeOptions): Promise<void> {
  try {
    const query = { 'list-type': '2', 'max-keys': `${MAX_LEFT}`, prefix: folder }
    const response = await client.send({ method: 'GET', query, signal: AbortSignal.timeout(PROBE_MS) })
    const { entries } = await readDocument(response, client.name, parseListDocument)
    for (const { key, modified } of entries) {
      const isLeft = modified !== undefined && modified.getTime() < Date.now() - LEFT_MS
      if (isLeft) await remove({ client, key, onFailure })
    }
  } catch (error) {
    const consequence = 'what earlier probes may have left stays, a few bytes each'
    onFailure({ backend: client.name, key: folder, consequence }, error)
  }
}

/** Repeats the request once where the server is busy. */
async function sendPatiently(
  { client, key, signal }: Omit<Place, 'onFailure'>,
  method: 'PUT' | 'DELETE',
  headers: Record<string, string> = {},
): Promise<void> {
  const body = method === 'PUT' ? { body: new TextEncoder().encode('What does this server support?') } : {}
  const send = async (): Promise<void> => {
    const response = await client.send({ method, key, headers, signal, ...body })
    await cancelBody(response.body)
  }
  try {
    await send()
  } catch (error) {
    if (!(error instanceof S3Error) || !BUSY.has(error.status)) throw error
    await scheduler.wait(BUSY_MS)
    await send()
  }
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof S3Error && error.status === status
}
