import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AwsClient } from 'aws4fetch'
import pLimit from 'p-limit'
import { afterAll, expect, it } from 'vitest'
import { eventually } from '../kit/eventually.ts'
import { createRandom } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'
import { startOrigin } from '../kit/origin/origin.ts'
import { forward } from '../kit/servers/forward.ts'
import { close, listen } from '../kit/servers/listen.ts'
import { CREDENTIALS, S3_PATH, startS3 } from '../kit/servers/s3.ts'
import { type Site, startSite } from '../kit/worker/site.ts'

const OPERATIONS = sized(5000, 60)
/** After a kill, up to a minute passes until another consumer takes what the killed one had. */
const KILLS = sized(20, 0)
/** After the roles are exchanged. */
const MORE = { operations: sized(1000, 20), kills: sized(1, 0) }
const CLIENTS = 8
const NAMES_PER_CLIENT = sized(6, 3)
/** Of the requests to the mirror. */
const FAULTS = 0.2
const SEED = Number(process.env['SEED'] ?? Date.now() % 1e6)
/** What is waiting for its next attempt, or was in the hands of a killed consumer. */
const PATIENCE = 300_000

const random = createRandom(SEED)
const closing: (() => Promise<unknown>)[] = []
afterAll(() => Promise.allSettled(closing.map((end) => end())), 60_000)

/** What may be stored under a name: more than one value if a request failed, which may have been carried out all the same. `null`: nothing. */
const allowed = new Map<string, Set<string | null>>()
/** Everything that was ever sent or served under it. */
const history = new Map<string, Set<string>>()

function setsOf(name: string): { now: Set<string | null>; ever: Set<string> } {
  const now = allowed.get(name) ?? new Set([null])
  const ever = history.get(name) ?? new Set()
  allowed.set(name, now)
  history.set(name, ever)
  return { now, ever }
}

function know(name: string, ...values: (string | null)[]): void {
  allowed.set(name, new Set(values))
}

/** Wrangler's local S3 endpoint behind a proxy that refuses requests, loses them, or loses their answers. */
async function startMirror() {
  const s3 = await startS3(['media'])
  const upstream = new URL(s3.endpoint)
  let isFaulty = false
  const counts = { requests: 0, faults: 0 }
  const proxy = createServer((request, response) => {
    counts.requests++
    if (!isFaulty || random.next() >= FAULTS) return forward(request, response, upstream)
    counts.faults++
    const fault = random.pick({ refused: 1, lost: 1, answerLost: 1 })
    if (fault === 'lost') return void request.destroy()
    if (fault === 'refused')
      return void request.resume().once('end', () => response.writeHead(503).end('slow down'))
    forward(request, response, upstream, {
      onAnswer: (answer) => void answer.resume().once('end', () => response.destroy()),
    })
  })
  proxy.on('clientError', (_, socket) => socket.destroy())
  const url = await listen(proxy)
  closing.push(
    () => close(proxy),
    () => s3.close(),
  )
  return {
    counts,
    table: {
      type: 's3',
      name: 'old',
      endpoint: new URL(upstream.pathname, url).href,
      bucket: 'media',
      credentials: 'OLD',
    },
    side: sideOf(s3.endpoint),
    setFaulty: (faulty: boolean) => void (isFaulty = faulty),
  }
}

interface Stored {
  text: string
  /** What the Worker shows. */
  etag: string | null
  marker: 'tombstone' | 'lifted' | null
}

/** What a bucket has, read from its own server. */
function sideOf(endpoint: string) {
  const client = new AwsClient({ ...CREDENTIALS, service: 's3', region: 'auto', retries: 0 })
  const base = `${endpoint}/media`
  const get = async (name: string): Promise<Stored | null> => {
    const response = await client.fetch(`${base}/${name}`)
    const text = await response.text()
    if (response.status === 404) return null
    if (!response.ok) throw new Error(`${name}: ${response.status} ${text}`)
    const own = (key: string): string | null => response.headers.get(`x-amz-meta-fallback-storage-${key}`)
    const marker = own('deleted') === null ? null : own('lifted') === null ? 'tombstone' : 'lifted'
    return { text, etag: own('etag') ?? response.headers.get('ETag'), marker }
  }
  const names = async (): Promise<string[]> => {
    const found: string[] = []
    for (let after = ''; ;) {
      const page = await (
        await client.fetch(`${base}?list-type=2&start-after=${encodeURIComponent(after)}`)
      ).text()
      const keys = [...page.matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key = '']) => decodeURIComponent(key))
      found.push(...keys.filter((key) => !key.startsWith('-/')))
      after = keys.at(-1) ?? ''
      if (!page.includes('<IsTruncated>true')) return found
    }
  }
  return { get, names }
}

type Side = ReturnType<typeof sideOf>

/** One client sends its requests one after the other, and has its own names. */
async function operate(site: Site, client: number, operation: number): Promise<void> {
  const name = `${random.next() < 0.5 ? 'origin' : 'own'}/${client}-${random.below(NAMES_PER_CLIENT)}`
  const { now, ever } = setsOf(name)
  const text = `${name} ${operation} ${'x'.repeat(random.below(2000))}`
  const kind = random.pick({ put: 35, remove: 20, save: 15, undelete: 10, read: 20 })
  if (kind === 'put') {
    ever.add(text)
    now.add(text)
    if (await succeeds(site, `/${name}`, { method: 'PUT', body: text })) know(name, text)
  } else if (kind === 'remove') {
    now.add(null)
    if (await succeeds(site, `/${name}`, { method: 'DELETE' })) know(name, null)
  } else if (kind === 'save') {
    const fresh = `saved/${operation}`
    know(fresh, null, text)
    if (await succeeds(site, `/-/api/save/${fresh}`, { method: 'POST', body: text })) know(fresh, text)
  } else if (kind === 'undelete') {
    // What a fallback, or the mirror, still has.
    const values = [...now, ...ever, null]
    for (const value of values) now.add(value)
    await succeeds(site, `/-/api/undelete/${name}`, { method: 'POST' })
  } else {
    const response = await send(site, `/${name}`)
    if (response?.status === 200) expect([...now]).toContain(response.text)
    if (response?.status === 404) expect([...now]).toContain(null)
  }
}

async function send(
  site: Site,
  path: string,
  init?: RequestInit,
): Promise<{ status: number; text: string } | null> {
  try {
    const response = await site.call(path, init)
    return { status: response.status, text: await response.text() }
  } catch (error) {
    // The connection of a killed process.
    expect(error).toBeInstanceOf(TypeError)
    return null
  }
}

async function succeeds(site: Site, path: string, init: RequestInit): Promise<boolean> {
  const response = await send(site, path, init)
  const ok = response !== null && response.status < 300
  if (response && !ok) refusals.set(response.status, (refusals.get(response.status) ?? 0) + 1)
  return ok
}
const refusals = new Map<number, number>()

/** Random operations; the Worker is killed in the middle of them, as often as that, and started again. Returns the last one. */
async function run(
  start: () => Promise<Site>,
  { operations, kills }: { operations: number; kills: number },
): Promise<Site> {
  let operation = 0
  for (let life = 0; ; life++) {
    const site = await start()
    const end = Math.round((operations * (life + 1)) / (kills + 1))
    const killedAt =
      life < kills ? end - random.below(Math.max(1, Math.floor(operations / (kills + 1) / 4))) : Infinity
    const works = Array.from({ length: CLIENTS }, async (_, client) => {
      while (operation < end) {
        const current = operation++
        if (current === killedAt) process.kill(site.pid, 'SIGKILL')
        await operate(site, client, ++made)
      }
    })
    await Promise.all(works)
    if (life === kills) return site
    await site.close()
  }
}
let made = 0

async function expectPendingNone(site: Site): Promise<void> {
  const look = async (): Promise<true | null> => {
    const response = await site.call('/-/api/mirrors')
    state = await response.text()
    const { mirrors } = JSON.parse(state) as { mirrors: { pending: number }[] }
    return mirrors.length === 1 && mirrors[0]?.pending === 0 ? true : null
  }
  let state = ''
  await eventually(() => state.slice(0, 2000), look, { patience: PATIENCE, interval: 500 })
}

/** Both sides hold the same, and only what they may hold. Returns how many live objects there are. */
async function expectEqual(primary: Side, mirror: Side): Promise<number> {
  const names = new Set([...(await primary.names()), ...(await mirror.names()), ...allowed.keys()])
  let live = 0
  const check = async (name: string): Promise<void> => {
    const [held, copy] = await Promise.all([primary.get(name), mirror.get(name)])
    const [object, mirrored] = [held, copy].map((stored) => (stored?.marker ? null : stored))
    const values = [...(allowed.get(name) ?? [])]
    if (object) {
      live++
      expect({ name, text: mirrored?.text, etag: mirrored?.etag }).toEqual({
        name,
        text: object.text,
        etag: object.etag,
      })
      expect(values, name).toContain(object.text)
    } else if (held?.marker === 'tombstone') {
      expect({ name, mirrored }).toEqual({ name, mirrored: null })
      expect(values, name).toContain(null)
    } else if (mirrored) expect(values, name).toContain(mirrored.text)
    else if (values.length === 1 && !name.startsWith('origin/')) expect(values, name).toEqual([null])
  }
  await pLimit(CLIENTS).map(names, check)
  return live
}

/** What every name is served as. */
async function expectReadable(site: Site): Promise<void> {
  await pLimit(CLIENTS).map(allowed, async ([name, values]) => {
    const response = await site.call(`/${name}`)
    const text = await response.text()
    expect([200, 404], `${name}: ${text}`).toContain(response.status)
    expect([...values], name).toContain(response.status === 200 ? text : null)
  })
}

it(
  `a mirror that fails at random is equal in the end, after ${OPERATIONS} operations and ${KILLS} kills, and again after a flip (seed ${SEED})`,
  async () => {
    const started = Date.now()
    const folder = await mkdtemp(join(tmpdir(), 'fallback-storage-mirrors-'))
    closing.push(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }))
    const origin = await startOrigin()
    closing.push(() => origin.close())
    for (let client = 0; client < CLIENTS; client++)
      for (let index = 0; index < NAMES_PER_CLIENT; index++) {
        const name = `origin/${client}-${index}`
        origin.add(name, `the origin's ${name}`)
        know(name, `the origin's ${name}`)
        history.set(name, new Set([`the origin's ${name}`]))
      }
    const { table: old, side: mirror, setFaulty, counts } = await startMirror()
    const [r2, http] = [
      { type: 'r2', binding: 'MEDIA', name: 'new' },
      { type: 'http', name: 'origin', url: origin.url },
    ]
    const begin = (storages: object[]) => async (): Promise<Site> => {
      const vars = {
        OLD_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        OLD_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      }
      const site = await startSite({ storages, vars, persistTo: folder, s3Credentials: CREDENTIALS })
      closing.push(() => site.close())
      return site
    }
    const primaryOf = (site: Site): Side => sideOf(new URL(S3_PATH, site.url).href)

    setFaulty(true)
    const start = begin([r2, { ...old, mirror: true }, http])
    const site = await run(start, { operations: OPERATIONS, kills: KILLS })
    setFaulty(false)
    const operated = Date.now()
    await expectPendingNone(site)
    const converged = Date.now()
    const live = await expectEqual(primaryOf(site), mirror)
    await expectReadable(site)
    await site.close()

    const flip = begin([{ ...old, read_only: false }, { ...r2, mirror: true }, http])
    const flipped = await flip()
    await expectReadable(flipped)
    await flipped.close()
    const last = await run(flip, MORE)
    await expectPendingNone(last)
    const after = await expectEqual(mirror, primaryOf(last))
    await expectReadable(last)
    const seconds = (from: number, to: number): string => `${Math.round((to - from) / 1000)} s`
    process.stdout.write(
      `${OPERATIONS} operations and ${KILLS} kills in ${seconds(started, operated)}, equal ${seconds(operated, converged)} later; ` +
        `${live} objects, ${after} after the flip; ${counts.faults} of ${counts.requests} requests to the mirror failed; ` +
        `refused: ${JSON.stringify([...refusals])}; in all ${seconds(started, Date.now())}\n`,
    )
    expect(counts.faults).toBeGreaterThan(0)
  },
  PATIENCE * 2 + OPERATIONS * 200,
)
