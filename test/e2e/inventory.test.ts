import { createHash } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Backfill } from '../../src/schemas/job-answers.ts'
import { eventually } from '../kit/eventually.ts'
import { sized } from '../kit/sample.ts'
import { s3Source, type Source } from '../kit/servers/sources.ts'
import { startSite, type Site } from '../kit/worker/site.ts'

const MIB = 1024 * 1024
const FILES = 10
const KEYS = sized(1_000_000, 20_000)
const MOST_GROWTH = 32 * MIB
const PATIENCE = sized(180_000, 60_000)
const MANIFEST = 'inventory/photos/all/2026-11-28T01-00Z/manifest.json'

let site: Site
let source: Source

beforeAll(async () => {
  source = await s3Source()
  const storages = [{ type: 'r2', binding: 'MEDIA' }, source.table]
  site = await startSite({ storages, vars: source.secrets, inspected: true })
  await addInventory()
}, 300_000)
afterAll(async () => {
  await site?.close()
  await source?.close()
})

it(
  `takes up an inventory of ${KEYS} keys in ${FILES} files in little memory`,
  async () => {
    const isolate = await site.watchIsolate({ collecting: true, interval: sized(5_000, 400) })
    const before = await isolate.now()
    const started = Date.now()
    const job = await ended(await start({ dry_run: true }))
    const seconds = (Date.now() - started) / 1000
    await isolate.stop()
    const size = Array.from({ length: KEYS }, (_, index) => index).reduce((sum, index) => sum + index, 0)
    expect(job).toMatchObject({ state: 'completed', listed: KEYS, total: { bytes: size, exact: true } })
    // The files stay open from one alarm to the next.
    const reads = source.requests('inventory/').filter((method) => method === 'GET')
    expect(reads).toHaveLength(1 + FILES)
    const { heap, buffers } = isolate.peakInUse
    const growth = heap + buffers - before.heap - before.buffers
    process.stdout.write(
      `${KEYS} keys in ${seconds.toFixed(1)} s, ${Math.round(KEYS / seconds)} names/s; the isolate grew by ${(growth / MIB).toFixed(1)} MiB\n`,
    )
    expect(growth).toBeLessThan(MOST_GROWTH)
  },
  PATIENCE,
)

/** An inventory as AWS writes it: every field quoted, rows of about 150 bytes. */
async function addInventory(): Promise<void> {
  const files: object[] = []
  const rows = KEYS / FILES
  for (let file = 0; file < FILES; file++) {
    const key = `inventory/photos/all/data/${file}.csv.gz`
    const lines = Array.from({ length: rows }, (_, row) => lineOf(file * rows + row))
    const bytes = gzipSync(lines.join(''), { level: 1 })
    await source.add(key, bytes)
    files.push({ key, size: bytes.length, MD5checksum: createHash('md5').update(bytes).digest('hex') })
  }
  const manifest = {
    sourceBucket: 'media',
    destinationBucket: 'arn:aws:s3:::media',
    version: '2016-11-30',
    creationTimestamp: '1795824000000',
    fileFormat: 'CSV',
    fileSchema: 'Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag',
    files,
  }
  await source.add(MANIFEST, Buffer.from(JSON.stringify(manifest)))
}

function lineOf(index: number): string {
  const key = `photos/2026/${String(index).padStart(8, '0')}+${index % 97}.jpg`
  // As hard to compress as a digest.
  const etag = [2654435761, 2246822519, 3266489917, 668265263]
    .map((factor) => (Math.imul(index + 1, factor) >>> 0).toString(16).padStart(8, '0'))
    .join('')
  return `"media","${key}","","true","false","${index}","2026-11-27T12:00:00.000Z","${etag}"\n`
}

async function start(options: object): Promise<string> {
  const response = await site.call('/-/api/backfills', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ manifest: { backend: 'old', name: MANIFEST }, ...options }),
  })
  expect(response.status).toBe(202)
  return ((await response.json()) as Backfill).id
}

async function ended(id: string): Promise<Backfill> {
  return eventually(
    () => 'the end of the backfill',
    async () => {
      const job = (await (await site.call(`/-/api/backfills/${id}`)).json()) as Backfill
      return job.finished === null ? null : job
    },
    { patience: PATIENCE },
  )
}
