import { TOKEN } from '../../test/kit/worker/site.ts'
import type { Version } from './history.ts'
import { type Ledger, partVersion, wholeVersion } from './ledger.ts'
import type { Random } from '../../test/kit/random.ts'
import { bodyOf } from './versions.ts'

export interface Traffic {
  /** Base URL of the Worker, ending in `/`. */
  url(): string
  random: Random
  ledger: Ledger
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
 * One random request for the name, and its status or why there was none. Whatever a client may see in a bad moment is
 * counted, whatever it may not is a violation.
 */
export async function askOnce(traffic: Traffic, name: string): Promise<string> {
  const operation = traffic.random.pick(OPERATIONS)
  const outcome = await OPERATION[operation](traffic, name)
  traffic.ledger.count(`${operation}: ${outcome}`)
  return outcome
}

const OPERATION: Record<Operation, (traffic: Traffic, name: string) => Promise<string>> = {
  get: (traffic, name) => read(traffic, name, {}),
  revalidate: (traffic, name) => {
    const tags = [...traffic.ledger.tags(name).keys()]
    const etag = tags[traffic.random.below(tags.length)]
    return read(traffic, name, etag === undefined ? {} : { 'If-None-Match': etag })
  },
  part: (traffic, name) => {
    const start = traffic.random.below(1000)
    const end = start + traffic.random.below(10_000)
    return read(traffic, name, { Range: `bytes=${start}-${end}` })
  },
  head: (traffic, name) => tell(traffic, name, { method: 'HEAD', path: name }),
  exists: (traffic, name) => tell(traffic, name, { path: `-/api/exists/${name}` }),
  size: (traffic, name) => tell(traffic, name, { path: `-/api/size/${name}` }),
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
  const { ledger } = traffic
  const start = ledger.clock()
  const response = await send(traffic, name, { headers })
  if (typeof response === 'string') return response
  const bytes = await response.arrayBuffer().then(
    (body) => Buffer.from(body),
    () => null,
  )
  if (!bytes) return 'broke off'
  const { status } = response
  const seen = { start, failing: primaryFailed(response), by: `GET ${status}`, ...keeping(response) }
  if (status === 404) ledger.check(name, null, seen)
  if (status === 304) ledger.check(name, taggedVersion(ledger, name, headers['If-None-Match']), seen)
  if (status !== 200 && status !== 206) return `${status}`
  const from = Number(/^bytes (\d+)-/.exec(response.headers.get('Content-Range') ?? '')?.[1] ?? 0)
  const versions = [...ledger.of(name).possible(start), ...ledger.of(name).all()]
  const found = status === 206 ? partVersion(bytes, from, versions) : wholeVersion(bytes)
  ledger.check(name, found, seen)
  const etag = response.headers.get('ETag')
  if (status === 200 && etag !== null && ledger.of(name).all().has(found)) ledger.tag(name, etag, found)
  return `${status}`
}

/** Asks about an object: its absence can be held against what was written, and a tag that was seen before. */
async function tell(
  traffic: Traffic,
  name: string,
  { method = 'GET', path }: { method?: string; path: string },
): Promise<string> {
  const { ledger } = traffic
  const start = ledger.clock()
  const response = await send(traffic, path, { method })
  if (typeof response === 'string') return response
  const text = await response.text().catch(() => null)
  if (text === null) return 'broke off'
  if (response.status === 404 || text.includes('"exists":false'))
    ledger.check(name, null, { start, failing: false, by: path })
  const version =
    method === 'HEAD' && response.ok && taggedVersion(ledger, name, response.headers.get('ETag'))
  if (version)
    ledger.check(name, version, { start, failing: primaryFailed(response), by: 'HEAD', ...keeping(response) })
  return `${response.status}`
}

function keeping({ headers }: Response): { cacheControl: string | null } {
  return { cacheControl: headers.get('Cache-Control') }
}

function taggedVersion({ tags }: Ledger, name: string, etag: string | null | undefined): Version {
  return tags(name).get(etag ?? '') ?? null
}

/** Whether a later backend answered for the primary, which could not be asked. */
export function primaryFailed({ headers }: Response): boolean {
  return /\bprimary;dur=[\d.]+;desc=(?:error|timeout|skipped)/.test(headers.get('Server-Timing') ?? '')
}

function newBody({ random, ledger }: Traffic, name: string): { version: string; body: Buffer<ArrayBuffer> } {
  const lines = random.below(50) === 0 ? 5000 + random.below(10_000) : 10 + random.below(300)
  const version = ledger.nextVersion(name, lines)
  return { version, body: bodyOf(version) }
}

async function put(traffic: Traffic, name: string): Promise<string> {
  const { version, body } = newBody(traffic, name)
  const writing = traffic.ledger.of(name).begin(version)
  const response = await send(traffic, name, {
    method: 'PUT',
    body,
    headers: { 'Content-Type': 'image/jpeg' },
  })
  const status = typeof response === 'string' ? response : `${response.status}`
  if (typeof response !== 'string' && response.ok) writing.acknowledge()
  else writing.giveUp()
  if (typeof response !== 'string') await response.text().catch(() => '')
  return status
}

async function remove(traffic: Traffic, name: string): Promise<string> {
  const writing = traffic.ledger.of(name).begin(null)
  const response = await send(traffic, name, { method: 'DELETE' })
  if (typeof response !== 'string' && response.ok) writing.acknowledge()
  else writing.giveUp()
  if (typeof response === 'string') return response
  await response.text().catch(() => '')
  return `${response.status}`
}

/** A save chooses a free name; where it failed somewhere on its way, the bytes may lie under the asked one as well. */
async function save(traffic: Traffic, name: string): Promise<string> {
  const { ledger } = traffic
  const { version, body } = newBody(traffic, name)
  const writing = ledger.of(name).begin(version)
  const headers = { 'Content-Type': 'image/jpeg' }
  const response = await send(traffic, `-/api/save/${name}`, { method: 'POST', body, headers })
  const answer = typeof response === 'string' ? null : await response.json().catch(() => null)
  const saved =
    typeof response !== 'string' && response.ok ? (answer as { name?: string } | null)?.name : undefined
  if (saved === name) writing.acknowledge()
  else writing.giveUp()
  if (saved !== undefined && saved !== name) ledger.of(saved).begin(version).acknowledge()
  return typeof response === 'string' ? response : `${response.status}`
}
