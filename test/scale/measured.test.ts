import { env } from 'cloudflare:workers'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Figure, MEASURED, PRICES, SETTINGS } from '../../bench/scale/figures.ts'
import { isolateMemory, SHARED_LEAVES_BYTES } from '../../src/bodies/memory-budget.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { parseConfig } from '../../src/config/config.ts'
import { estimateCost } from '../../src/jobs/backfill/estimate.ts'
import { shares } from '../../src/jobs/backfill/pages.ts'
import { LONG_BACKLOG, PAGES_PER_CONSUMER } from '../../src/jobs/backfill/send-pages.ts'
import { openIndex } from '../../src/jobs/backfills.ts'
import { copyObject } from '../../src/migration/copy.ts'
import { withRememberedUploads } from '../../src/migration/open-uploads.ts'
import { consumeChanges } from '../../src/mirrors/consumer.ts'
import { withRecordedChanges } from '../../src/mirrors/record-changes.ts'
import type { RequestEvent } from '../../src/observe/counts.ts'
import type { Report } from '../../src/observe/rings.ts'
import { createTally } from '../../src/observe/tally.ts'
import type { SourceMessage } from '../../src/sources/messages.ts'
import { createReconciler } from '../../src/sources/reconciler.ts'
import { createSns } from '../../src/sources/sns.ts'
import { openSourceChanges } from '../../src/sources/source-changes.ts'
import { createSources } from '../../src/sources/sources.ts'
import { type Backend, isWritable } from '../../src/storage/backend.ts'
import { fill, nameOf, rpcOf, verified, withBackfill } from '../jobs/jobs.ts'
import { memoryBackend } from '../kit/memory.ts'
import { messageOf, ownLog } from '../mirrors/kit.ts'
import { countingCalls, meterRows, type Meter } from './meter.ts'

// What docs/scale.md calculates with, counted on the real classes. If one of these changes, change bench/scale/figures.ts,
// and write the page again: npm run bench:scale -- --write

let meter: Meter
beforeAll(async () => void (meter = await meterRows()))
afterAll(() => meter.restore())
beforeEach(() => meter.begin())

/** How much was counted for each figure that is expected: 1, within 5 %, since batches and reports are not all equal. */
const ratio = ({ value }: Figure, counted: number): number => counted / value

it('the prices are those of the estimate that a dry run prints', () => {
  const nothing = { present: 0, sources: [], backends: [] }
  const { prices } = estimateCost({ objects: 0, bytes: 0, sources: {} }, nothing)
  expect(prices).toMatchObject({
    r2ClassAPerMillion: PRICES.r2Write,
    r2ClassBPerMillion: PRICES.r2Read,
    queueOperationsPerMillion: PRICES.queue,
    durableRequestsPerMillion: PRICES.objectRequest,
    durableRowsWrittenPerMillion: PRICES.row,
    workerRequestsPerMillion: PRICES.request,
    workerCpuMsPerMillion: PRICES.cpuMs,
  })
})

it('the rows of a page are those of the estimate, which rounds up', () => {
  const page = { objects: NAMES, bytes: 0, sources: {} }
  const { operations } = estimateCost(page, { present: 0, sources: [], backends: [] })
  expect(operations.durable_object_rows_written).toBe(Math.ceil(MEASURED.rowsPerPage.value))
})

it('a consumer makes so many copies at once', () => {
  expect(shares(1000)).toEqual({
    each: SETTINGS.copiesPerConsumer,
    consumers: 1000 / SETTINGS.copiesPerConsumer,
  })
})

it('the settings are those of the code', () => {
  expect([SETTINGS.longBacklog, SETTINGS.pagesPerConsumer]).toEqual([LONG_BACKLOG, PAGES_PER_CONSUMER])
  const { verifyPerSecond } = parseConfig({ ...env, FALLBACK_STORAGES: [{ type: 'r2', binding: 'MEDIA' }] })
  expect(SETTINGS.verifiedPerSecond).toBe(verifyPerSecond)
  const mib = 1024 ** 2
  const shared = { leave: SHARED_LEAVES_BYTES }
  const bodies = Array.from({ length: SETTINGS.sharedMib }, () => isolateMemory.tryReserve(mib, shared))
  expect(bodies).not.toContain(null)
  expect(isolateMemory.tryReserve(1, shared)).toBeNull()
  for (const memory of bodies) memory?.release()
})

const OBJECTS = 2000
const NAMES = 100
const BATCH = 10

/** What a queue delivers: batches, one after the other. */
function batches<T>(all: readonly T[]): T[][] {
  return Array.from({ length: all.length / BATCH }, (_, index) =>
    all.slice(index * BATCH, (index + 1) * BATCH),
  )
}

function delivered<Body>(body: Body) {
  return { body, attempts: 1, ack() {}, retry() {} }
}

it('a page of a backfill: messages, requests and rows', async () => {
  const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
  await fill(source, OBJECTS)
  await withBackfill([target, source], { maxConcurrency: 50 }, async (harness) => {
    const pages = OBJECTS / NAMES
    meter.begin()
    await harness.job.alarm()
    const messages = harness.queue.sent.splice(0)
    const job = countingCalls(rpcOf(harness))
    await harness.deliver(messages, job.counted)
    expect(ratio(MEASURED.messagesPerPage, messages.length / pages)).toBeCloseTo(1, 1)
    expect(ratio(MEASURED.requestsPerPage, job.calls() / pages)).toBeCloseTo(1, 1)
    expect(ratio(MEASURED.rowsPerPage, meter.rowsWritten() / pages)).toBeCloseTo(1, 1)
  })
})

const SECONDS = 12_000

/** The reports of an isolate with a read per second. */
async function reportsOf(outcome: RequestEvent['outcome'], backend: string): Promise<Report[]> {
  const clock = { now: Date.now() - SECONDS * 1000 }
  const reports: Report[] = []
  const work: Promise<unknown>[] = []
  const tally = createTally({
    send: async (report) => reports.push(structuredClone(report)),
    keepAlive: (one) => work.push(one),
    now: () => clock.now,
  })
  const attempts: RequestEvent['attempts'] = [{ backend, outcome: 'hit', duration: 3 }]
  const read = {
    method: 'GET',
    name: 'photos/a.jpg',
    route: 'media',
    status: 200,
    stored: false,
    duration: 3,
  } as const
  for (let reads = 0; reads < SECONDS; reads++) {
    clock.now += 1000
    tally.addRead({ ...read, outcome, backend, attempts })
    await Promise.all(work.splice(0))
  }
  return reports
}

it.each([
  ['hit', MEASURED.reportRows],
  ['fallback', MEASURED.fallbackReportRows],
] as const)('the reports of an isolate: %s', async (outcome, rows) => {
  const reports = await reportsOf(outcome, outcome === 'hit' ? 'media' : 'legacy')
  const series = env.TIME_SERIES.getByName(outcome)
  meter.begin()
  for (const report of reports) await series.report(report)
  expect(ratio(MEASURED.reportSeconds, SECONDS / reports.length)).toBeCloseTo(1, 1)
  expect(ratio(rows, meter.rowsWritten() / reports.length)).toBeCloseTo(1, 1)
})

it('a change that a mirror follows: requests and rows', async () => {
  const [primary, mirror] = [memoryBackend('new'), { ...memoryBackend('old'), mirror: 'all' as const }]
  const log = countingCalls(ownLog().log())
  const open = () => log.counted
  const work: Promise<unknown>[] = []
  const keepAlive = (one: Promise<unknown>): void => void work.push(one)
  const recorded = withRecordedChanges(primary, { log: open, mirrors: [mirror], keepAlive })
  meter.begin()
  await fill(recorded, NAMES)
  await Promise.all(work)
  const sources = { tombstones: true, backends: [primary] }
  const messages = Array.from({ length: NAMES }, (_, index) => messageOf(nameOf(index)))
  for (const batch of batches(messages))
    await consumeChanges(batch, { log: open, sources, backends: [mirror] })
  expect(mirror.objects.size).toBe(NAMES)
  expect(ratio(MEASURED.mirrorRequests, log.calls() / NAMES)).toBeCloseTo(1, 1)
  expect(ratio(MEASURED.mirrorRows, meter.rowsWritten() / NAMES)).toBeCloseTo(1, 1)
})

it('an event of R2: requests', async () => {
  const [media, legacy] = [memoryBackend('media'), memoryBackend('legacy')]
  await fill(legacy, NAMES)
  const open = openSourceChanges(env.SOURCE_CHANGES)
  if (!open) throw new Error('SOURCE_CHANGES is not bound')
  const object = countingCalls(open())
  const changes = () => object.counted
  const work: Promise<unknown>[] = []
  const sent: SourceMessage[] = []
  const queue = {
    send: () => Promise.reject(new Error('nothing is sent later')),
    async sendBatch(messages: Iterable<MessageSendRequest<SourceMessage>>) {
      for (const { body } of messages) sent.push(body)
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
    },
  }
  const chain = createChain([media, legacy], { deletes: 'tombstone' })
  const track = <T>(_: string, copy: Promise<T>): Promise<T> => copy
  const sources = createSources({
    sources: [{ backend: legacy, prefix: '', bucket: 'legacy-media' }],
    reconcile: createReconciler({ chain, migrating: true, changes, purge: async () => {}, track }),
    changes,
    sns: createSns(() => Promise.reject(new Error('nothing comes from SNS'))),
    keepAlive: (one) => work.push(one),
    queue,
  })
  const events = Array.from({ length: NAMES }, (_, index) => ({
    account: '0',
    action: 'PutObject',
    bucket: 'legacy-media',
    object: { key: nameOf(index), size: 8, eTag: 'e' },
    eventTime: new Date().toISOString(),
  }))
  for (const batch of batches(events)) await sources.consumeNotifications(batch.map(delivered))
  for (const batch of batches(sent)) await sources.consume(batch.map(delivered))
  await Promise.all(work)
  expect(media.objects.size).toBe(NAMES)
  expect(ratio(MEASURED.eventRequests, object.calls() / NAMES)).toBeCloseTo(1, 1)
})

it('a copy of unknown length in parts: requests', async () => {
  const source = memoryBackend('legacy')
  await source.put('a.mp4', new Uint8Array(9 * 1024 * 1024))
  const unsized: Backend = {
    ...source,
    async get(name) {
      const { size: _, ...object } = (await source.get(name)) ?? { name, body: new Response('').body }
      return object as Awaited<ReturnType<Backend['get']>>
    },
  }
  const index = countingCalls(openIndex(env.JOB_INDEX)())
  const target = withRememberedUploads(memoryBackend('media'), () => index.counted)
  if (!isWritable(target)) throw new Error('it takes no copies')
  expect(await copyObject(unsized, target, 'a.mp4')).toMatchObject({ outcome: 'copied' })
  expect(ratio(MEASURED.multipartRequests, index.calls())).toBeCloseTo(1, 1)
})

it('a copy that a verification reads: rows', async () => {
  const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
  await fill(source, NAMES * 2)
  await withBackfill([target, source], {}, async ({ drive }) => void (await drive()))
  meter.begin()
  expect(await verified([target, source], { checkCopies: true })).toMatchObject({ equal: NAMES * 2 })
  expect(ratio(MEASURED.verifiedRows, meter.rowsWritten() / (NAMES * 2))).toBeCloseTo(1, 1)
})
