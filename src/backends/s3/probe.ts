import { cancelBody } from '../../bodies/cancel.ts'
import { S3Error, isLocked, isNotImplemented, readDocument } from './errors.ts'
import type { S3Client } from './request.ts'
import { parseListDocument } from './xml.ts'

/** Whether the server honours these headers of a PUT; absent if that is not known. */
export interface S3Support {
  /** `If-None-Match: *` */
  ifNoneMatch?: boolean | undefined
  /** `If-Match` with an ETag */
  ifMatch?: boolean | undefined
  contentMd5?: boolean | undefined
}

export interface S3Probe {
  /** What the server supports, tested if that is not known yet. Never throws. */
  support(): Promise<S3Support>
  /** Adds what another request has shown. */
  learn(support: S3Support): void
}

interface ProbeOptions {
  /** What the keys of probes begin with, and no other keys. */
  folder: string
  /** Keeps the work going when the client that began it goes away (`waitUntil`). */
  keepAlive: (work: Promise<unknown>) => void
  onFailure: OnProbeFailure
}

/** Called if a probe failed or could not be removed. */
export type OnProbeFailure = (
  failure: { backend: string; key: string; header?: string; consequence: string },
  error: unknown,
) => void

const PROBE_MS = 10_000
/** A probe that failed is not repeated with every write. */
const RETRY_MS = 60_000
/** R2 accepts one write per second for a key. */
const BUSY_MS = 1100
const BUSY = new Set<number | undefined>([429, 503])
/** Older objects do not belong to a probe that is still running, even if clocks differ. */
const LEFT_MS = 60 * 60 * 1000
const MAX_LEFT = 20

/** A header that cannot be satisfied: a server that honours it refuses the PUT. */
interface Demand {
  header: string
  value: string
  /** With which a server that honours it answers. */
  status: number
  /** It cannot be satisfied only if the object exists. */
  needsObject?: boolean
}

/** No object that is written here has this ETag or this MD5. */
const DEMANDS: Record<keyof S3Support, Demand> = {
  ifNoneMatch: { header: 'If-None-Match', value: '*', status: 412, needsObject: true },
  ifMatch: { header: 'If-Match', value: `"${'0'.repeat(32)}"`, status: 412 },
  contentMd5: { header: 'Content-MD5', value: 'AAAAAAAAAAAAAAAAAAAAAA==', status: 400 },
}

/**
 * Tests what a server does with conditions and digests, on objects of its own, which it removes again. Once per isolate,
 * before the first write that depends on it, because a result that is kept for longer may become wrong.
 */
export function createS3Probe(client: S3Client, options: ProbeOptions): S3Probe {
  let known: S3Support = {}
  let validUntil = 0
  let running: { since: number; done: Promise<void> } | undefined

  const probe = async (): Promise<void> => {
    const signal = AbortSignal.timeout(PROBE_MS)
    const heeds = (demand: Demand): Promise<boolean | undefined> =>
      isHonoured({ client, key: options.folder + crypto.randomUUID(), signal, ...options }, demand)
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
      // If the platform ended the request of a probe, the probe never settles.
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

/** Whether the server honours the header; `undefined` if that could not be found out. */
async function isHonoured(
  place: Place,
  { header, value, status, needsObject }: Demand,
): Promise<boolean | undefined> {
  const { client, key, onFailure } = place
  let mayBeThere = false
  const store = async (headers: Record<string, string>): Promise<void> => {
    try {
      await sendPatiently(place, 'PUT', headers)
      mayBeThere = true
    } catch (error) {
      // If the server answered with an error, nothing was stored.
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
    if (error instanceof S3Error && (error.status === status || error.s3Code === 'NoSuchKey')) return true
    // R2 checks locks before conditions. Where there is a lock, nothing is replaced either.
    if (isLocked(error)) return true
    const consequence =
      'until this is known, a HEAD comes before each conditional write, and MD5s are checked here'
    onFailure({ backend: client.name, header, key, consequence }, error)
    return undefined
  } finally {
    if (mayBeThere) await remove(place)
  }
}

/** Whether it is gone. An object that cannot be removed does no harm: it has no public name, and is hidden from listings. */
async function remove(place: Omit<Place, 'signal'>): Promise<boolean> {
  try {
    // The probe's own signal may have aborted.
    await sendPatiently({ ...place, signal: AbortSignal.timeout(PROBE_MS) }, 'DELETE')
    return true
  } catch (error) {
    const consequence = isLocked(error)
      ? 'an object of a few bytes stays until its lock ends: limit the lock to a prefix that does not contain it'
      : 'an object of a few bytes stays: allow s3:DeleteObject, and remove it'
    place.onFailure({ backend: place.client.name, key: place.key, consequence }, error)
    return false
  }
}

/** Removes objects of earlier probes that did not finish: their isolate ended, or the server failed. */
async function removeLeft(client: S3Client, { folder, onFailure }: ProbeOptions): Promise<void> {
  try {
    const query = { 'list-type': '2', 'max-keys': `${MAX_LEFT}`, prefix: folder }
    const response = await client.send({ method: 'GET', query, signal: AbortSignal.timeout(PROBE_MS) })
    const { entries } = await readDocument(response, client.name, parseListDocument)
    for (const { key, modified } of entries) {
      const isLeft = modified !== undefined && modified.getTime() < Date.now() - LEFT_MS
      if (isLeft && !(await remove({ client, key, onFailure }))) return
    }
  } catch (error) {
    const consequence = 'what earlier probes may have left stays, a few bytes each'
    onFailure({ backend: client.name, key: folder, consequence }, error)
  }
}

/** Repeats the request once if the server is busy. */
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
