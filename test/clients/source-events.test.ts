import { AwsClient } from 'aws4fetch'
import { hash } from 'node:crypto'
import pLimit from 'p-limit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { encodeName } from '../../src/storage/name.ts'
import { eventually } from '../kit/eventually.ts'
import { createRandom, type Random } from '../kit/random.ts'
import { pushChanges } from '../kit/servers/radosgw-notify.ts'
import { startRadosgw } from '../kit/servers/radosgw-server.ts'
import { type Site, startSite } from '../kit/worker/site.ts'

/** Ceph's bucket notifications, pushed over HTTP, keep copies in line while a backfill makes them. */
const BUCKET = 'moving'
const SECRET = 'a-secret-in-the-url-0123456789'
const SEEDED = 3000
const CHANGES = 500
const WORKERS = 10
/** The share of changes after which the next one of the same name does not wait until the Worker shows it. */
const HASTE = 0.5

let gateway: Awaited<ReturnType<typeof startRadosgw>>
let site: Site
let source: Source

beforeAll(async () => {
  gateway = await startRadosgw()
  const { endpoint, credentials } = gateway.server
  site = await startSite({
    storages: [
      { type: 'r2', binding: 'MEDIA' },
      { type: 's3', name: 'old', endpoint, bucket: BUCKET, prefix: 'media/', credentials: 'OLD' },
    ],
    vars: {
      OLD_ACCESS_KEY_ID: credentials.accessKeyId,
      OLD_SECRET_ACCESS_KEY: credentials.secretAccessKey,
      EVENTS_SECRET: SECRET,
    },
  })
  source = await createSource(new URL(`/-/api/events/old?secret=${SECRET}`, site.url).href)
})
afterAll(async () => {
  await site?.close()
  await gateway?.stop()
})

type Source = Awaited<ReturnType<typeof createSource>>

/** The bucket, whose notifications go to that URL. */
async function createSource(url: string) {
  const { endpoint, region, credentials } = gateway.server
  const s3 = new AwsClient({ ...credentials, region, service: 's3', retries: 0 })
  const ok = async (answer: Promise<Response>): Promise<string> => {
    const response = await answer
    if (response.ok) return response.text()
    throw new Error(`${response.url}: ${response.status} ${await response.text()}`)
  }
  await ok(s3.fetch(`${endpoint}/${BUCKET}`, { method: 'PUT' }))
  const urlOf = (name: string): string => `${endpoint}/${BUCKET}/media/${encodeName(name)}`
  /** What each name holds. */
  const objects = new Map<string, string>()
  return {
    objects,
    notify: () => pushChanges(gateway.server, BUCKET, url),
    async put(name: string, body: string) {
      objects.set(name, body)
      await ok(s3.fetch(urlOf(name), { method: 'PUT', body }))
    },
    async remove(name: string) {
      objects.delete(name)
      await ok(s3.fetch(urlOf(name), { method: 'DELETE' }))
    },
  }
}

/** Runs `work` for each entry, `WORKERS` at a time. */
async function inTurn<Entry>(entries: Iterable<Entry>, work: (entry: Entry) => Promise<void>): Promise<void> {
  const limit = pLimit(WORKERS)
  await Promise.all(Array.from(entries, (entry) => limit(work, entry)))
}

const nameOf = (index: number): string => `photos/${index % 7}/a b+c%d (${index}) ü.jpg`

/** What a client of the Worker reads: `null` for 404. Only GET copies, so this changes nothing. */
async function shown(name: string): Promise<string | null> {
  const { status, headers } = await site.fetch(encodeName(name), { method: 'HEAD' })
  if (status === 404) return null
  if (status !== 200) throw new Error(`HEAD ${name}: ${status}`)
  return headers.get('ETag')
}

/** Changes one name at random, and returns how long it took until clients saw it, in milliseconds. */
async function change(name: string, version: number, random: Random): Promise<number | null> {
  const deletes = source.objects.has(name) && random.next() < 0.4
  if (deletes) await source.remove(name)
  else await source.put(name, `${name}, version ${version}`)
  const changed = Date.now()
  if (random.next() < HASTE) return null
  const expected = deletes ? null : etagOf(`${name}, version ${version}`)
  await eventually(
    () => `${name} as ${expected}`,
    async () => ((await shown(name)) === expected ? true : null),
    { patience: 150_000, interval: 20 },
  )
  return Date.now() - changed
}

function etagOf(text: string): string {
  return `"${hash('md5', text)}"`
}

const WORKING = ['listing', 'running']

/** The path of the job. */
async function startBackfill(options: object): Promise<string> {
  const headers = { 'Content-Type': 'application/json' }
  const init = { method: 'POST', headers, body: JSON.stringify(options) }
  const { id } = (await (await site.call('/-/api/backfills', init)).json()) as { id: string }
  return `/-/api/backfills/${id}`
}

async function jobAt(path: string): Promise<{ state: string }> {
  return (await (await site.call(path)).json()) as { state: string }
}

const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN

it(`follows ${CHANGES} puts and deletes at the source while a backfill runs`, async () => {
  await inTurn(Array.from({ length: SEEDED }).keys(), (index) =>
    source.put(nameOf(index), `${nameOf(index)}, as it was`),
  )
  await source.notify()
  // It takes longer than the changes, however busy the machine is; another one copies the rest.
  const slow = await startBackfill({ max_per_second: 10 })

  const times: number[] = []
  let during = 0
  // Each worker has names of its own, so that it knows what the last change of each was. Some names are new.
  const workers = Array.from({ length: WORKERS }).keys()
  await inTurn(workers, async (worker) => {
    const random = createRandom(worker)
    for (let version = 0; version < CHANGES / WORKERS; version++) {
      const index = worker + WORKERS * random.below((SEEDED * 1.2) / WORKERS)
      const time = await change(nameOf(index), version, random)
      if (time !== null) times.push(time)
      if (WORKING.includes((await jobAt(slow)).state)) during += 1
    }
  })
  expect(during, 'changes while the backfill ran').toBeGreaterThan(CHANGES * 0.8)
  await site.call(`${slow}/cancel`, { method: 'POST' })
  const job = await startBackfill({})
  const end = await eventually(
    () => 'the end of the backfill',
    async () => {
      const { state } = await jobAt(job)
      return WORKING.includes(state) ? null : state
    },
    { patience: 90_000, interval: 200 },
  )
  const failures: unknown = await (await site.call(`${job}/failures`)).json()
  expect([end, failures]).toEqual(['completed', { failures: [], cursor: null }])

  const all = Array.from({ length: SEEDED * 1.2 }, (_, index) => nameOf(index))
  const wrong = async (): Promise<string[]> => {
    const found: string[] = []
    await inTurn(all, async (name) => {
      const response = await site.fetch(encodeName(name))
      const text = await response.text()
      const isHit = response.headers.get('Cache-Status')?.includes('; hit') ?? false
      const expected = source.objects.get(name)
      const isRight = expected === undefined ? response.status === 404 : isHit && text === expected
      if (!isRight) found.push(name)
    })
    return found
  }
  let left: string[] = []
  // A copy that overtook its event is found by a later look.
  await eventually(
    () => `both sides equal: ${left.join(', ')}`,
    async () => ((left = await wrong()).length === 0 ? true : null),
    { patience: 90_000, interval: 1000 },
  )

  const answer = (await (await site.call('/-/api/events')).json()) as { sources: [Record<string, unknown>] }
  const [status] = answer.sources
  expect(status).toMatchObject({ backend: 'old', accepted: CHANGES, ignored: 0, conflicts: 0, failed: 0 })
  const sorted = times.toSorted((a, b) => a - b)
  process.stdout.write(
    `${CHANGES} changes, ${during} of them while the backfill ran: seen by clients after ${quantile(sorted, 0.5)} ms (p50), ${quantile(sorted, 0.95)} ms (p95) of ${sorted.length}; as the Worker counts it: ${JSON.stringify(status['lag_seconds'])} s\n`,
  )
}, 500_000)
