import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRandom } from '../kit/random.ts'
import { type SoakSite, startSoakSite } from '../../bench/soak/site.ts'
import { bodyOf, versionId, versionOf, versionOfPart } from '../../bench/soak/versions.ts'
import { TOKEN } from '../kit/worker/site.ts'

const IMMUTABLE = 'public, max-age=31536000, immutable'
/** Changed or deleted in the primary, while the old web server still has the previous version. */
const CHANGED = 'photos/changed.jpg'
const DELETED = 'photos/deleted.jpg'
const old = new Map([CHANGED, DELETED].map((name, index) => [name, versionId(name, 0, 20 + index)]))
const changed = versionId(CHANGED, 1, 30)

let site: SoakSite
beforeAll(async () => {
  site = await startSoakSite(createRandom(1), { timeout_ms: 2000, idle_timeout_ms: 2000 })
  for (const [name, version] of old) site.add(name, bodyOf(version), IMMUTABLE)
  await send(CHANGED, { method: 'PUT', body: bodyOf(changed) })
  await send(DELETED, { method: 'DELETE' })
})
afterAll(() => site?.stop())

interface Sending {
  method?: string
  body?: Uint8Array<ArrayBuffer>
  headers?: Record<string, string>
}

function send(name: string, init: Sending): Promise<Response> {
  const headers = { Authorization: `Bearer ${TOKEN}`, ...init.headers }
  return fetch(site.worker.url + name, { ...init, headers })
}

interface Seen {
  status: number
  /** By the bytes, or by the tag if none were sent. */
  version: string | null
  cacheControl: string | null
  primary: string | undefined
}

/** The requests of a browser that has the old version. */
async function readAll(name: string): Promise<Seen[]> {
  const requests = [
    {},
    { headers: { Range: 'bytes=64-127' } },
    { headers: { 'If-None-Match': tagOf(name) } },
    { method: 'HEAD' },
  ]
  const seen: Seen[] = []
  for (const init of requests) {
    const response = await send(name, init)
    const { status, headers } = response
    const bytes = Buffer.from(await response.arrayBuffer())
    const primary = /\bprimary;dur=[\d.]+;desc=(\w+)/.exec(headers.get('Server-Timing') ?? '')?.[1]
    seen.push({
      status,
      version: versionIn(name, response, bytes),
      cacheControl: headers.get('Cache-Control'),
      primary,
    })
  }
  return seen
}

/** The old web server's. */
function tagOf(name: string): string {
  return `"old-${bodyOf(old.get(name) ?? '').length}"`
}

function versionIn(name: string, { status, headers }: Response, bytes: Buffer): string | null {
  if (status === 206) return versionOfPart(bytes, 64, [changed, ...old.values()])
  if (bytes.length > 0) return versionOf(bytes)
  return headers.get('ETag') === tagOf(name) ? (old.get(name) ?? null) : null
}

async function expectCurrent(): Promise<void> {
  const [whole, part, revalidated] = await readAll(CHANGED)
  for (const answer of [whole, part, revalidated])
    expect(answer).toMatchObject({ version: changed, primary: 'hit' })
  expect(whole?.cacheControl).toBe('public, max-age=3600')
  for (const { status } of await readAll(DELETED)) expect(status).toBe(404)
}

/** A fallback's version is better than none, but it must not be cached. */
async function expectUncachedOld(): Promise<Set<string | undefined>> {
  const why = new Set<string | undefined>()
  for (const [name, version] of old) {
    const answers = await readAll(name)
    expect(answers.map(({ status, cacheControl }) => [status, cacheControl])).toEqual([
      [200, 'no-store'],
      [206, 'no-store'],
      [304, 'no-store'],
      [200, 'no-store'],
    ])
    for (const answer of answers) {
      expect(answer.version).toBe(version)
      why.add(answer.primary)
    }
  }
  return why
}

async function untilBack(): Promise<void> {
  site.setOutage(null)
  const answering = async () => (await readAll(CHANGED))[0]?.primary
  await expect.poll(answering, { interval: 100 }).toBe('hit')
}

it('lets browsers cache current objects, and nothing from a fallback while the primary is down', async () => {
  await expectCurrent()
  site.setOutage('reset')
  expect(await expectUncachedOld()).toContain('error')
  // After this many failures, the breaker skips it now or soon.
  await expect.poll(expectUncachedOld).toEqual(new Set(['skipped']))
  await untilBack()
  await expectCurrent()
  site.setOutage('hang')
  expect(await expectUncachedOld()).toContain('timeout')
  await untilBack()
  await expectCurrent()
})
