import { TOKEN } from '../../test/kit/worker/site.ts'
import type { Version } from './history.ts'
import { type SoakRecord, partVersion, wholeVersion } from './record.ts'
import type { Random } from '../../test/kit/random.ts'
import { bodyOf } from './versions.ts'

export interface Traffic {
  /** Base URL of the Worker, ending in `/`. */
  url(): string
  random: Random
  record: SoakRecord
}

const OPERATIONS = {
  get: 42,
  revalidate: 8,
  part: 12,
  head: 6,
  exists: 5,
  size: 4,
  put: 12,
  save: 4,
  delete: 6,
  list: 1,
} as const
type Operation = keyof typeof OPERATIONS
const AUTHORIZATION = { Authorization: `Bearer ${TOKEN}` }
const PATIENCE_MS = 30_000

/**
 * One random request for the name, and its status or why there was none. What a client may see during failures is
 * counted, anything else is a violation.
 */
export async function requestOnce(traffic: Traffic, name: string): Promise<string> {
  const operation = traffic.random.pick(OPERATIONS)
  const outcome = await OPERATION[operation](traffic, name)
  traffic.record.count(`${operation}: ${outcome}`)
  return outcome
}

const OPERATION: Record<Operation, (traffic: Traffic, name: string) => Promise<string>> = {
  get: (traffic, name) => read(traffic, name, {}),
  revalidate: (traffic, name) => {
    const tags = [...traffic.record.tags(name).keys()]
    const etag = tags[traffic.random.below(tags.length)]
    return read(traffic, name, etag === undefined ? {} : { 'If-None-Match': etag })
  },
  part: (traffic, name) => {
    const start = traffic.random.below(1000)
    const end = start + traffic.random.below(10_000)
    return read(traffic, name, { Range: `bytes=${start}-${end}` })
  },
  head: (traffic, name) => inspect(traffic, name, { method: 'HEAD', path: name }),
  exists: (traffic, name) => inspect(traffic, name, { path: `-/api/exists/${name}` }),
  size: (traffic, name) => inspect(traffic, name, { path: `-/api/size/${name}` }),
  put,
  save,
  delete: remove,
  async list(traffic) {
    const response = await send(traffic, '-/api/list/', {})
    if (typeof response === 'string') return response
    await response.text().catch(() => '')
    return `${response.status}`
  },
}

interface Sending {
  method?: string
  body?: Uint8Array<ArrayBuffer>
  headers?: Readonly<Record<string, string>>
}

/** An answer, or why there is none: the Worker may be killed at any time. */
async function send({ url }: Traffic, path: string, init: Sending): Promise<Response | 'no answer'> {
  const headers = { 'Accept-Encoding': 'identity', ...AUTHORIZATION, ...init.headers }
  try {
    return await fetch(url() + path, { ...init, headers, signal: AbortSignal.timeout(PATIENCE_MS) })
  } catch {
    return 'no answer'
  }
}

async function read(traffic: Traffic, name: string, headers: Record<string, string>): Promise<string> {
  const { record } = traffic
  const start = record.clock()
  const response = await send(traffic, name, { headers })
  if (typeof response === 'string') return response
  const bytes = await response.arrayBuffer().then(
    (body) => Buffer.from(body),
    () => null,
  )
  if (!bytes) return 'was interrupted'
  const { status } = response
  const seen = { start, failing: primaryFailed(response), by: `GET ${status}`, ...keeping(response) }
  if (status === 404) record.check(name, null, seen)
  if (status === 304) record.check(name, taggedVersion(record, name, headers['If-None-Match']), seen)
  if (status !== 200 && status !== 206) return `${status}`
  const from = Number(/^bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? 0)
  const versions = [...record.of(name).possible(start), ...record.of(name).all()]
  const found = status === 206 ? partVersion(bytes, from, versions) : wholeVersion(bytes)
  record.check(name, found, seen)
  const etag = response.headers.get('ETag')
  if (status === 200 && etag !== null && record.of(name).all().has(found)) record.tag(name, etag, found)
  return `${status}`
}

/** Requests an object's metadata, to check its absence, or a tag that was seen before. */
async function inspect(
  traffic: Traffic,
  name: string,
  { method = 'GET', path }: { method?: string; path: string },
): Promise<string> {
  const { record } = traffic
  const start = record.clock()
  const response = await send(traffic, path, { method })
  if (typeof response === 'string') return response
  const text = await response.text().catch(() => null)
  if (text === null) return 'was interrupted'
  if (response.status === 404 || text.includes('"exists":false'))
    record.check(name, null, { start, failing: false, by: path })
  const version =
    method === 'HEAD' && response.ok && taggedVersion(record, name, response.headers.get('ETag'))
  if (version)
    record.check(name, version, { start, failing: primaryFailed(response), by: 'HEAD', ...keeping(response) })
  return `${response.status}`
}

function keeping({ headers }: Response): { cacheControl: string | null } {
  return { cacheControl: headers.get('Cache-Control') }
}

function taggedVersion({ tags }: SoakRecord, name: string, etag: string | null | undefined): Version {
  return tags(name).get(etag ?? '') ?? null
}

/** Whether a later backend answered because the primary failed. */
export function primaryFailed({ headers }: Response): boolean {
  return /\bprimary;dur=[\d.]+;desc=(?:error|timeout|skipped)/.test(headers.get('Server-Timing') ?? '')
}

function newBody({ random, record }: Traffic, name: string): { version: string; body: Buffer<ArrayBuffer> } {
  const lines = random.below(50) === 0 ? 5000 + random.below(10_000) : 10 + random.below(300)
  const version = record.nextVersion(name, lines)
  return { version, body: bodyOf(version) }
}

async function put(traffic: Traffic, name: string): Promise<string> {
  const { version, body } = newBody(traffic, name)
  return write(traffic, name, { version, method: 'PUT', body, headers: { 'Content-Type': 'image/jpeg' } })
}

function remove(traffic: Traffic, name: string): Promise<string> {
  return write(traffic, name, { version: null, method: 'DELETE' })
}

async function write(
  traffic: Traffic,
  name: string,
  { version, ...init }: Sending & { version: Version },
): Promise<string> {
  const writing = traffic.record.of(name).begin(version)
  const response = await send(traffic, name, init)
  if (typeof response !== 'string' && response.ok) writing.acknowledge()
  else writing.giveUp()
  if (typeof response === 'string') return response
  await response.text().catch(() => '')
  return `${response.status}`
}

/** A save chooses a free name; if it failed, the bytes may also be stored under the requested one. */
async function save(traffic: Traffic, name: string): Promise<string> {
  const { record } = traffic
  const { version, body } = newBody(traffic, name)
  const writing = record.of(name).begin(version)
  const headers = { 'Content-Type': 'image/jpeg' }
  const response = await send(traffic, `-/api/save/${name}`, { method: 'POST', body, headers })
  const answer = typeof response === 'string' ? null : await response.json().catch(() => null)
  const saved =
    typeof response !== 'string' && response.ok ? (answer as { name?: string } | null)?.name : undefined
  if (saved === name) writing.acknowledge()
  else writing.giveUp()
  if (saved !== undefined && saved !== name) record.of(saved).begin(version).acknowledge()
  return typeof response === 'string' ? response : `${response.status}`
}
