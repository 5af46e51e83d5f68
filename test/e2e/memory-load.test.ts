import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  bodyOf,
  hashOf,
  hashOfAnswer,
  ofUnknownLength,
  saveBody,
  slowly,
  type Upload,
  uploadFiles,
} from '../kit/worker/memory-bodies.ts'
import { deleteMany, S3_VARS, uploadParts } from '../kit/worker/memory-s3.ts'
import { startSite, type Site } from '../kit/worker/site.ts'
import { httpSource, type Source } from '../kit/servers/sources.ts'

const MB = 1e6
const MIB = 1024 * 1024
/** An isolate has 128 MB (Workers limits). */
const MOST_BYTES = 100 * MB
const COLD_BYTES = 15 * MIB
const QUEUED_BYTES = 100 * MB
/** Several parts of an upload each, and ten of them hold more than an isolate. */
const QUEUED_ALONE_BYTES = 40 * MB
/** A save waits two seconds for memory; under load, and while garbage is collected, its answer takes longer. */
const EARLY_MS = 5000
/** With everything at once all requests wait for the same thread. */
const EARLY_IN_THE_MIX_MS = 20_000

let site: Site
let source: Source

beforeEach(async () => {
  source = await httpSource()
  const storages = [{ type: 'r2', binding: 'MEDIA' }, source.table]
  site = await startSite({ storages, vars: S3_VARS, inspected: true })
})
afterEach(async () => {
  await site?.close()
  await source?.close()
})

it('keeps an isolate small while 40 slow clients read 40 cold objects of 15 MB', async () => {
  expect(await most('40 slow clients', () => readCold(40))).toBeLessThan(MOST_BYTES)
}, 600_000)

it('keeps an isolate small while ten objects of 40 MB and unknown length are copied from the queue', async () => {
  expect(await most('10 queued copies of 40 MB', () => copyQueued(10, QUEUED_ALONE_BYTES))).toBeLessThan(
    MOST_BYTES,
  )
}, 600_000)

it('keeps an isolate small while forty bodies of 8 MiB and known length are saved', async () => {
  const saves = async (): Promise<void> => {
    const answers = await saveMany('known', 40, { size: 8 * MIB, chunked: false })
    // They stream, so there is nothing to wait for.
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 40 }, () => 201))
  }
  expect(await most('40 saves of 8 MiB', saves)).toBeLessThan(MOST_BYTES)
}, 600_000)

it('keeps an isolate small while forty bodies of 20 MiB and unknown length are saved', async () => {
  const saves = () => saveMany('chunked', 40, { size: 20 * MIB, chunked: true })
  expect(await most('40 chunked saves of 20 MiB', saves)).toBeLessThan(MOST_BYTES)
}, 600_000)

it('keeps an isolate small while 20 parts of 8 MiB are uploaded by an S3 client', async () => {
  expect(await most('20 S3 parts of 8 MiB', () => uploadParts(site, 20))).toBeLessThan(MOST_BYTES)
}, 600_000)

it('keeps an isolate small while 20 S3 requests delete as many keys as one may', async () => {
  expect(await most('20 deletes of 1,000 keys', () => deleteMany(site, 20))).toBeLessThan(MOST_BYTES)
}, 600_000)

it.each([false, true])(
  'keeps an isolate small while 20 files of 8 to 30 MiB are uploaded, chunked: %s',
  async (chunked) => {
    const uploads = async (): Promise<void> => {
      const statuses = (await uploadFiles(site, { chunked })).map(({ status }) => status)
      // What does not fit is refused early, with Retry-After.
      expect(statuses).toEqual(statuses.map((status) => (chunked && status === 503 ? 503 : 201)))
      expect(statuses).toContain(201)
    }
    expect(await most(`20 files of 8 to 30 MiB, chunked: ${chunked}`, uploads)).toBeLessThan(MOST_BYTES)
  },
  600_000,
)

it('keeps an isolate small under all of it at once', async () => {
  const all = () =>
    Promise.all([
      readCold(40),
      copyQueued(10, QUEUED_BYTES),
      uploadParts(site, 20),
      deleteMany(site, 20),
      uploadFiles(site, { chunked: false }),
      saveMany('known', 40, { size: 8 * MIB, chunked: false, early: EARLY_IN_THE_MIX_MS }),
      saveMany('chunked', 40, { size: 20 * MIB, chunked: true, early: EARLY_IN_THE_MIX_MS }),
    ])
  expect(await most('a mix of all', all)).toBeLessThan(MOST_BYTES)
}, 600_000)

/** Runs `work` and returns the isolate's highest memory usage in bytes. */
async function most(what: string, work: () => Promise<unknown>): Promise<number> {
  const isolate = await site.watchIsolate({ collecting: true })
  const started = Date.now()
  try {
    await work()
  } finally {
    await isolate.stop()
    const { peak, peakInUse } = isolate
    const seconds = ((Date.now() - started) / 1000).toFixed(0)
    process.stdout.write(
      `${what}, ${seconds} s: at most ${megabytes(peakInUse)} MB in use, with garbage ${megabytes(peak)} MB\n`,
    )
  }
  const { heap, buffers } = isolate.peakInUse
  return heap + buffers
}

async function readCold(clients: number): Promise<void> {
  const names = Array.from({ length: clients }, (_, index) => `cold-${index}.bin`)
  for (const [index, name] of names.entries())
    await source.add(name, Buffer.concat([...bodyOf(1000 + index, COLD_BYTES)]))
  const opened = await Promise.all(names.map((name) => site.open(`/${name}`)))
  const read = await Promise.all(opened.map((client) => slowly(client, MIB)))
  expect(read).toEqual(names.map((_, index) => hashOf(1000 + index, COLD_BYTES)))
  for (const name of names) await site.copied(name, 'copied', 300_000)
  for (const [index, name] of names.entries())
    expect(await primaryHas(name)).toBe(hashOf(1000 + index, COLD_BYTES))
}

async function copyQueued(objects: number, size: number): Promise<void> {
  const names = Array.from({ length: objects }, (_, index) => `queued-${index}.bin`)
  for (const [index, name] of names.entries()) {
    await source.add(name, Buffer.alloc(1))
    await source.set(name, ofUnknownLength(2000 + index, size))
    const client = await site.open(`/${name}`)
    client.destroy()
  }
  for (const name of names) await site.copied(name, 'copied', 600_000)
  for (const [index, name] of names.entries()) expect(await primaryHas(name)).toBe(hashOf(2000 + index, size))
}

/** Acknowledged objects are stored, and refused ones were refused early, with Retry-After. */
async function saveMany(
  kind: string,
  saves: number,
  { size, chunked, early = EARLY_MS }: { size: number; chunked: boolean; early?: number },
): Promise<Upload[]> {
  const before = site.refusals().length
  const answers = await Promise.all(
    Array.from({ length: saves }, (_, index) =>
      saveBody(site, `${kind}-${index}.bin`, { seed: 3000 + index, size, chunked }),
    ),
  )
  const refused = answers.filter(({ status }) => status === 503)
  for (const { retryAfter } of refused) expect(Number(retryAfter)).toBeGreaterThan(0)
  // By the Worker's own clock: the test's is late, since it generates and hashes all bodies.
  const longest = Math.max(0, ...site.refusals().slice(before))
  process.stdout.write(
    `${kind}: ${saves - refused.length} saved, ${refused.length} refused, within ${longest} ms\n`,
  )
  expect(saves - refused.length).toBeGreaterThan(0)
  expect(site.refusals().length - before).toBeGreaterThanOrEqual(refused.length)
  expect(longest).toBeLessThan(early)
  for (const [index, { status, name }] of answers.entries()) {
    if (status === 503) {
      expect((await site.fetch(`/${kind}-${index}.bin`)).status).toBe(404)
      continue
    }
    expect([index, status]).toEqual([index, 201])
    expect(await primaryHas(name ?? '')).toBe(hashOf(3000 + index, size))
  }
  return answers
}

async function primaryHas(name: string): Promise<string> {
  const response = await site.fetch(`/${name}`)
  expect(response.headers.get('Cache-Status')).toBe('fallback-storage; hit; detail=media')
  return hashOfAnswer(response)
}

function megabytes({ heap, buffers }: { heap: number; buffers: number }): string {
  return `${((heap + buffers) / MB).toFixed(1)} (heap ${(heap / MB).toFixed(1)})`
}
