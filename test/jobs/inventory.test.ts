import { describe, expect, it } from 'vitest'
import type { BackfillOptions } from '../../src/jobs/backfill/job-types.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { type ErrorCode, StorageError } from '../../src/storage/errors.ts'
import { withPrefix } from '../../src/wrappers/prefix.ts'
import { bytesOf } from '../kit/fakes.ts'
import { gzip } from '../kit/gzip.ts'
import { memoryBackend, type MemoryBackend } from '../kit/memory.ts'
import { failuresOf, status, withBackfill } from './jobs.ts'

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/storage-inventory-location.html */
const FROM_AWS = {
  sourceBucket: 'example-source-bucket',
  destinationBucket: 'arn:aws:s3:::example-inventory-destination-bucket',
  version: '2016-11-30',
  creationTimestamp: '1514944800000',
  fileFormat: 'CSV',
  fileSchema:
    'Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass, IsMultipartUploaded, ReplicationStatus, EncryptionStatus, ObjectLockRetainUntilDate, ObjectLockMode, ObjectLockLegalHoldStatus, IntelligentTieringAccessTier, BucketKeyStatus, ChecksumAlgorithm',
}
const FILE =
  'Inventory/example-source-bucket/2016-11-06T21-32Z/files/939c6d46-85a9-4ba8-87bd-9db705a579ce.csv.gz'
const MANIFEST = 'Inventory/example-source-bucket/2016-11-06T21-32Z/manifest.json'
const FROM_LEGACY: Partial<BackfillOptions> = {
  manifest: { from: 'object', backend: 'legacy', name: MANIFEST },
}
const SMALL = { fileSchema: 'Bucket, Key, Size' }

interface File {
  key: string
  /** Each quoted, as AWS writes them. */
  rows: readonly (readonly string[])[]
}

/** Stores an inventory as AWS does. */
async function putInventory(
  backend: MemoryBackend,
  files: readonly File[],
  changes: object = {},
): Promise<void> {
  const listed: object[] = []
  for (const { key, rows } of files) {
    const text = rows.map((row) => `${row.map((field) => `"${field}"`).join(',')}\n`).join('')
    const bytes = await gzip(bytesOf(text))
    const MD5checksum = new Uint8Array(await crypto.subtle.digest('MD5', bytes)).toHex()
    await backend.put(key, bytes, { info: { contentType: 'application/octet-stream' } })
    listed.push({ key, size: bytes.length, MD5checksum })
  }
  await backend.put(MANIFEST, bytesOf(JSON.stringify({ ...FROM_AWS, files: listed, ...changes })))
}

function versioned(
  key: string,
  version: { latest?: boolean; deleted?: boolean; size?: number } = {},
): string[] {
  const { latest = true, deleted = false, size = 7 } = version
  const rest = [
    '2024-05-01T12:00:00.000Z',
    'd41d8cd98f00b204e9800998ecf8427e',
    'STANDARD',
    'false',
    '',
    'SSE-S3',
  ]
  return [
    'example-source-bucket',
    key,
    'v1',
    String(latest),
    String(deleted),
    deleted ? '' : String(size),
    ...rest,
    ...Array.from({ length: 6 }, () => ''),
  ]
}

function keyOf(index: number): string {
  return `photos/${String(index).padStart(6, '0')}.jpg`
}

/** Files of so many rows each. */
function filesOf(count: number, rows: number): File[] {
  return Array.from({ length: count }, (_, file) => ({
    key: `inventory/data/${file}.csv.gz`,
    rows: Array.from({ length: rows }, (_, row) => ['bucket', keyOf(file * rows + row), '7']),
  }))
}

describe('a backfill from an S3 Inventory', () => {
  it('copies the latest versions, whose keys are URL-encoded, and knows their sizes', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    const names = ['photos/a b.jpg', 'photos/a+b.jpg', 'photos/ü "x", y.jpg', '50%.jpg']
    for (const name of [...names, 'old.jpg', 'not-in-it.jpg']) await source.put(name, bytesOf('content'))
    const rows = [
      versioned('photos/a+b.jpg'),
      versioned('photos/a%2Bb.jpg'),
      versioned('photos/%C3%BC+%22x%22%2C+y.jpg'),
      versioned('50%25.jpg'),
      versioned('old.jpg', { latest: false }),
      versioned('deleted.jpg', { deleted: true }),
    ]
    await putInventory(source, [{ key: FILE, rows }])
    await withBackfill([target, source], FROM_LEGACY, async ({ drive }) => {
      expect(await drive()).toMatchObject({
        state: 'completed',
        listed: 4,
        copied: 4,
        bytes: 28,
        total: { objects: 4, bytes: 28, exact: true },
        manifest: `legacy:${MANIFEST}`,
      })
    })
    expect([...target.objects.keys()].toSorted()).toEqual(names.toSorted())
  })

  it('leaves out keys that the backend does not see, and finds its files, if the backend has a prefix', async () => {
    const [target, bucket] = [memoryBackend('primary'), memoryBackend('legacy')]
    for (const key of ['media/a.jpg', 'media/b.jpg', 'other/c.jpg']) await bucket.put(key, bytesOf('content'))
    const rows = [
      ['bucket', 'media/a.jpg', '7'],
      ['bucket', 'media/b.jpg', '7'],
      ['bucket', 'other/c.jpg', '7'],
    ]
    const files = [
      { key: 'media/inventory/1.csv.gz', rows },
      { key: 'elsewhere/2.csv.gz', rows },
    ]
    await putInventory(bucket, files, {
      ...SMALL,
      sourceBucket: 'legacy',
      destinationBucket: 'arn:aws:s3:::legacy',
    })
    await bucket.put(`media/${MANIFEST}`, bucket.objects.get(MANIFEST)?.bytes ?? bytesOf(''))
    const configured = [{ type: 's3', name: 'legacy', bucket: 'legacy', prefix: 'media/' }]
    const options = { ...FROM_LEGACY, configured: configured as never }
    await withBackfill([target, withPrefix(bucket, 'media/')], options, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({ listed: 3, copied: 2, failed: 1 })
      expect(failuresOf(job)).toMatchObject([
        {
          name: 'elsewhere/2.csv.gz',
          detail: 'the inventory\'s file: its key does not begin with "media/"',
          error: 'invalid',
        },
      ])
    })
    expect([...target.objects.keys()]).toEqual(['a.jpg', 'b.jpg'])
  })

  it('takes only names with the prefix', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    for (const index of [1, 12]) await source.put(keyOf(index), bytesOf('content'))
    await putInventory(source, filesOf(1, 20), SMALL)
    await withBackfill([target, source], { ...FROM_LEGACY, prefix: 'photos/00001' }, async ({ drive }) => {
      expect(await drive()).toMatchObject({ listed: 10, copied: 1, failed: 9 })
    })
  })

  it('may be an object of the chain, and may be in a backend that is no source', async () => {
    const [target, source, reports] = [
      memoryBackend('primary'),
      memoryBackend('legacy'),
      memoryBackend('reports'),
    ]
    await source.put(keyOf(0), bytesOf('content'))
    await putInventory(reports, filesOf(1, 1), SMALL)
    for (const backend of [undefined, 'reports']) {
      const manifest = { from: 'object', name: MANIFEST, ...(backend !== undefined && { backend }) } as const
      const options = { manifest, backends: ['legacy'] }
      await withBackfill([target, source, reports], options, async ({ drive }) => {
        expect(await drive()).toMatchObject({ state: 'completed', listed: 1 })
      })
    }
    expect([...target.objects.keys()]).toEqual([keyOf(0)])
  })

  it('goes on after a damaged, a shortened or a missing file, and after a row that is none', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    const files = filesOf(5, 3)
    files.push({
      key: 'inventory/data/5.csv.gz',
      rows: [['bucket'], ['bucket', '%E9.jpg', '7'], ['bucket', keyOf(15), '7']],
    })
    await putInventory(source, files, SMALL)
    const shorten = async (key: string, bytes: number): Promise<void> => {
      await source.put(key, source.objects.get(key)?.bytes.slice(0, -bytes) ?? bytesOf(''))
    }
    await shorten('inventory/data/1.csv.gz', 12)
    await source.delete('inventory/data/2.csv.gz')
    // Still gzip, but the file of another day.
    await source.put('inventory/data/3.csv.gz', await gzip(bytesOf(`"bucket","${keyOf(9)}","7"\n`)))
    const options = { ...FROM_LEGACY, dryRun: true }
    await withBackfill([target, source], options, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed_with_failures', failed: 5 })
      expect(failuresOf(job)).toMatchObject([
        {
          name: 'inventory/data/1.csv.gz',
          detail: expect.stringMatching(
            /^the inventory's file: inventory\/data\/1\.csv\.gz, after row \d: the gzip data is damaged or not complete$/,
          ) as string,
        },
        { name: 'inventory/data/2.csv.gz', detail: "the inventory's file: there is no such object" },
        {
          name: 'inventory/data/3.csv.gz',
          detail:
            "the inventory's file: inventory/data/3.csv.gz, after row 1: the file is not the one with the announced digest",
        },
        { name: 'bucket', detail: 'inventory/data/5.csv.gz, row 1: the row has 1 of 3 columns' },
        {
          name: 'bucket,%E9.jpg,7',
          detail: 'inventory/data/5.csv.gz, row 2: the key is not URL-encoded UTF-8',
        },
      ])
      // Three of each good file, three of the shortened one if they came out, one of the wrong one, and the last.
      expect(status(job).listed - 5).toBeGreaterThanOrEqual(8)
    })
  })

  it.each([
    [{ fileFormat: 'ORC' }, /the files of the inventory are ORC: choose CSV as its format/],
    [{ fileFormat: 'Parquet' }, /the files of the inventory are Parquet: choose CSV/],
    [{ fileSchema: 'Bucket, Size' }, /no column is called "name" or "key"/],
    [{ files: 'none' }, /it is not the manifest\.json of an S3 Inventory/],
  ])('fails with a reason if the manifest says %j', async (changes, reason) => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await putInventory(source, filesOf(1, 1), { ...SMALL, ...changes })
    await withBackfill([target, source], FROM_LEGACY, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed_with_failures', listed: 1, failed: 1 })
      expect(failuresOf(job)).toMatchObject([
        { error: 'invalid', detail: expect.stringMatching(reason) as string },
      ])
    })
  })

  it('reads no file beyond what the identity that started the job sees', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await putInventory(source, filesOf(1, 1), SMALL)
    const options = {
      manifest: { ...FROM_LEGACY.manifest, within: 'Inventory/' } as BackfillOptions['manifest'],
    }
    await withBackfill([target, source], { ...options, dryRun: true } as never, async ({ job, drive }) => {
      expect(await drive()).toMatchObject({ listed: 1, failed: 1 })
      expect(failuresOf(job)).toMatchObject([
        { detail: 'the inventory\'s file: its name does not begin with "Inventory/"' },
      ])
    })
  })

  // A body that is shorter than it was announced is `corrupt`; the file itself may be whole.
  it.each(['unavailable', 'corrupt'] as const)(
    'takes each name once, however often the job is restarted and the source fails (%s)',
    async (code) => {
      const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
      await putInventory(source, filesOf(3, 3_000), SMALL)
      const slow = slowed(source, { breaks: 2, code })
      await withBackfill(
        [target, slow.backend],
        { ...FROM_LEGACY, maxConcurrency: 1000 },
        async (harness) => {
          slow.onChunk = () => void (harness.clock.now += 500)
          let alarms = 0
          for (; status(harness.job).state === 'listing' && alarms < 100; alarms++) {
            await harness.job.alarm()
            if (alarms % 2 === 0) harness.restart()
            harness.clock.now += 60_000
          }
          expect(alarms).toBeGreaterThan(6)
          const total = { objects: 9_000, bytes: 63_000, exact: true }
          expect(status(harness.job)).toMatchObject({ listed: 9_000, failed: 0, total })
          const names = harness.queue.sent.flatMap((page) => page.names.map(([name]) => name))
          expect(names).toEqual(Array.from({ length: 9_000 }, (_, index) => keyOf(index)))
        },
      )
      expect(slow.broken).toBeGreaterThan(1)
    },
  )

  it('reads each file once if nothing is restarted, however many alarms that takes', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await putInventory(source, filesOf(3, 3_000), SMALL)
    const slow = slowed(source)
    await withBackfill([target, slow.backend], { ...FROM_LEGACY, dryRun: true }, async (harness) => {
      slow.onChunk = () => void (harness.clock.now += 500)
      let alarms = 0
      for (; status(harness.job).state === 'listing' && alarms < 100; alarms++) await harness.job.alarm()
      expect(alarms).toBeGreaterThan(2)
      expect(status(harness.job)).toMatchObject({ listed: 9_000 })
    })
    expect(slow.reads).toBe(3)
  })

  it('closes its file while the job is paused, and goes on there later', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await putInventory(source, filesOf(1, 9_000), SMALL)
    const slow = slowed(source)
    await withBackfill([target, slow.backend], { ...FROM_LEGACY, dryRun: true }, async ({ job, clock }) => {
      slow.onChunk = () => void (clock.now += 500)
      await job.alarm()
      expect(slow.open).toBe(1)
      job.act('pause')
      await expect.poll(() => slow.open).toBe(0)
      expect(status(job).listed).toBeLessThan(9_000)
      job.act('resume')
      for (let alarm = 0; alarm < 100 && status(job).state === 'listing'; alarm++) await job.alarm()
      expect(status(job)).toMatchObject({ state: 'completed', listed: 9_000 })
    })
  })

  it('ends if the manifest was replaced since the job began', async () => {
    const [target, source] = [memoryBackend('primary'), memoryBackend('legacy')]
    await putInventory(source, filesOf(1, 9_000), SMALL)
    const slow = slowed(source)
    await withBackfill([target, slow.backend], { ...FROM_LEGACY, dryRun: true }, async (harness) => {
      slow.onChunk = () => void (harness.clock.now += 500)
      await harness.job.alarm()
      await putInventory(source, filesOf(1, 1), SMALL)
      harness.restart()
      expect(await harness.drive()).toMatchObject({ state: 'completed_with_failures', failed: 1 })
      expect(failuresOf(harness.job)).toMatchObject([
        { name: MANIFEST, detail: 'the manifest: it has changed since the job began' },
      ])
    })
  })
})

/** The files of an inventory arrive in kilobytes; each so manieth read of one breaks off. */
function slowed(source: MemoryBackend, { breaks = Infinity, code = 'unavailable' as ErrorCode } = {}) {
  const slow = {
    reads: 0,
    broken: 0,
    /** Bodies that were neither read to their end nor cancelled. */
    open: 0,
    onChunk: () => {},
    backend: {
      ...source,
      async get(name, options) {
        const object = await source.get(name, options)
        if (!object || name === MANIFEST) return object
        const isBroken = ++slow.reads % breaks === 0
        const bytes = new Uint8Array(await new Response(object.body).arrayBuffer())
        let at = 0
        slow.open++
        const body = new ReadableStream<Uint8Array>({
          pull(controller) {
            slow.onChunk()
            if (at < bytes.length && !(isBroken && at > 2_000)) {
              controller.enqueue(bytes.slice(at, at + 1_000))
              at += 1_000
              return
            }
            slow.open--
            if (at >= bytes.length) return controller.close()
            slow.broken++
            controller.error(new StorageError(code, 'broke off', { backend: 'legacy' }))
          },
          cancel: () => void slow.open--,
        })
        return { ...object, body }
      },
    } satisfies Backend as Backend,
  }
  return slow
}
