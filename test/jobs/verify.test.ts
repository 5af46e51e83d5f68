import type { Backfill } from '../../src/schemas/job-answers.ts'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import type { JobIndex } from '../../src/jobs/job-index.ts'
import { latestJobs } from '../../src/jobs/backfills.ts'
import type { Jobs } from '../../src/jobs/jobs.ts'
import { memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { bytesOf, counting } from '../kit/fakes.ts'
import { fill, nameOf, verified, withBackfill } from './jobs.ts'
import { migrated, mirroredSides, mirrorOne, replace, terse } from './sides.ts'

function backfill(state: Backfill['state'], others: Partial<Backfill> = {}): Backfill {
  return {
    id: 'one',
    state,
    dry_run: false,
    prefix: '',
    manifest: null,
    failed: 0,
    backends: { legacy: {} },
    ...others,
  } as Backfill
}

describe('a verification', () => {
  it('finds nothing wrong after a backfill, and says that the fallback can be detached', async () => {
    const { primary, legacy } = await migrated(30)
    expect(await verified([primary, legacy])).toMatchObject({
      state: 'completed',
      compared: 30,
      equal: 30,
      equal_by_size: 0,
      coverage: 1,
      safe_to_detach: true,
      reasons: [],
      all: [],
    })
  })

  it('finds each planted difference, and names it', async () => {
    const { primary, legacy } = await migrated(10)
    await primary.delete(nameOf(0))
    await replace(primary, nameOf(1), 'bytes')
    await replace(primary, nameOf(2), 'bytes X', primary.objects.get(nameOf(2))?.info)
    await replace(legacy, nameOf(3), 'bytes 3 and more')
    await replace(primary, 'only/here', 'extra')
    await primary.put(nameOf(4), new Uint8Array(0), { info: { deleted: new Date() } })
    const result = await verified([primary, legacy])
    expect(result).toMatchObject({
      compared: 11,
      equal: 5,
      missing: 1,
      different: 2,
      changed: 1,
      extra: 1,
      tombstoned: 1,
      coverage: 0.6,
      safe_to_detach: false,
    })
    expect(result.all.map(({ kind, name }) => [kind, name])).toEqual([
      ['extra', 'only/here'],
      ['missing', nameOf(0)],
      ['different', nameOf(1)],
      ['different', nameOf(2)],
      ['changed', nameOf(3)],
    ])
    expect(result.reasons).toEqual([
      '1 object is missing from primary',
      '2 objects are different',
      '1 object is changed at the source since the copy',
    ])
  })

  it('finds a flipped byte that no listing shows only when it reads the bytes', async () => {
    const { primary, legacy } = await migrated(5)
    await replace(primary, nameOf(2), 'bytes X', primary.objects.get(nameOf(2))?.info)
    const sides: Backend[] = [terse(primary), terse(legacy)]
    expect(await verified(sides)).toMatchObject({ equal: 5, equal_by_size: 5, different: 0 })
    const deep = await verified(sides, { deep: true })
    expect(deep).toMatchObject({ equal: 4, different: 1, safe_to_detach: false })
    expect(deep.all).toMatchObject([
      { kind: 'different', name: nameOf(2), detail: 'the bytes differ (SHA-256)' },
    ])
  })

  it('notices a changed source by its time if there is no ETag', async () => {
    const { primary, legacy } = await migrated(3)
    await replace(legacy, nameOf(1), 'bytes Z', { modified: new Date(Date.now() + 3_600_000) })
    const result = await verified([primary, terse(legacy)])
    expect(result).toMatchObject({ changed: 1, equal: 2, all: [{ kind: 'changed', name: nameOf(1) }] })
  })

  it('does not report a difference if an ETag looks like an MD5 but is none', async () => {
    const { primary, legacy } = await migrated(8)
    // As S3 with KMS: 32 hexadecimal digits that are not the MD5 of the bytes.
    const odd = terse(legacy, ({ name }) => `"${'0'.repeat(24)}${name.slice(-12, -4)}"`.replaceAll('/', '0'))
    for (const [name, { info, bytes }] of primary.objects) {
      const { provenance: _, ...rest } = info
      primary.objects.set(name, { bytes, info: { ...rest, digests: { md5: 'f'.repeat(32) } } })
    }
    const result = await verified([primary, odd])
    expect(result).toMatchObject({ equal: 8, different: 0 })
  })

  it('makes one listing request to each side in each of two passes, and reads no object', async () => {
    const [primary, legacy] = [counting('primary'), counting('legacy')]
    await fill(legacy, 1500)
    await withBackfill([primary, legacy], {}, async ({ drive }) => void (await drive()))
    for (const { counts } of [primary, legacy]) Object.assign(counts, { get: 0, head: 0, list: 0 })
    expect(await verified([primary, legacy])).toMatchObject({ equal: 1500 })
    expect(primary.counts).toMatchObject({ get: 0, head: 0, list: 4 })
    expect(legacy.counts).toMatchObject({ get: 0, head: 0, list: 4 })
  })

  it('continues after restarts, and counts each name once', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    for (let index = 0; index < 5000; index++) {
      const object = { bytes: new Uint8Array(0), info: { name: nameOf(index), backend: '', size: 0 } }
      legacy.objects.set(nameOf(index), object)
      if (index % 5 !== 0) primary.objects.set(nameOf(index), object)
    }
    const result = await verified([primary, legacy])
    expect(result).toMatchObject({ compared: 5000, equal: 4000, missing: 1000, coverage: 0.8 })
    expect(result.prefixes).toEqual([{ prefix: 'photos/', objects: 5000, covered: 4000, coverage: 0.8 }])
  })

  it('compares what a read-only backend before the primary has, which reads find there', async () => {
    const [assets, primary, legacy] = ['assets', 'primary', 'legacy'].map((name) => memoryBackend(name))
    if (!assets || !primary || !legacy) throw new Error('three backends')
    for (const backend of [assets, legacy]) await backend.put('a.css', bytesOf('a'))
    await assets.put('only/there', bytesOf('b'))
    const { put: _, delete: __, ...readOnly } = assets
    const sides = [readOnly, primary, legacy]
    const options = { accept: ['equal_by_size' as const] }
    expect(await verified(sides, options)).toMatchObject({
      compared: 1,
      equal: 1,
      primary: 'primary',
      fallbacks: ['legacy'],
      safe_to_detach: true,
    })
    const object = assets.objects.get('a.css')
    assets.objects.set('a.css', {
      bytes: bytesOf('X'),
      info: { ...object?.info, name: 'a.css', backend: 'assets' },
    })
    expect(await verified(sides, { repair: true })).toMatchObject({
      damaged: 1,
      repaired: 0,
      safe_to_detach: false,
    })
    await legacy.put('b.css', bytesOf('b'))
    expect(await verified(sides, options)).toMatchObject({ missing: 1, safe_to_detach: false })
  })

  it('reports the coverage of each directory', async () => {
    const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
    for (const name of ['a/1', 'a/2', 'b/1', 'top.txt']) await legacy.put(name, bytesOf(name))
    for (const name of ['a/1', 'top.txt']) await primary.put(name, bytesOf(name))
    const result = await verified([primary, legacy])
    expect(result.prefixes).toEqual([
      { prefix: '', objects: 1, covered: 1, coverage: 1 },
      { prefix: 'a/', objects: 2, covered: 1, coverage: 0.5 },
      { prefix: 'b/', objects: 1, covered: 0, coverage: 0 },
    ])
  })

  it('compares with the fallback that is served first', async () => {
    const { primary, legacy } = await migrated(2)
    const older = memoryBackend('older')
    await older.put(nameOf(0), bytesOf('an older version'))
    await older.put('only/there', bytesOf('x'))
    const result = await verified([primary, legacy, older])
    expect(result).toMatchObject({ compared: 3, equal: 2, missing: 1, all: [{ backend: 'older' }] })
  })
})

describe('a verification of a site in use', () => {
  it('completes although uploads are repeated in a mirror', async () => {
    const { primary, mirror } = await mirroredSides(3)
    let uploads = 0
    const list: typeof primary.list = async (options) => {
      const name = nameOf(10 + uploads++)
      await primary.put(name, bytesOf(name))
      await mirrorOne(primary, mirror, name)
      return primary.list(options)
    }
    expect(await verified([{ ...primary, list }, mirror])).toMatchObject({
      state: 'completed',
      passes: 2,
      different: 0,
      safe_to_detach: true,
    })
  })

  it('waits between passes over a source that keeps changing, even if it is looked at meanwhile', async () => {
    const { primary, legacy } = await migrated(1)
    let lists = 0
    const list: typeof legacy.list = async (options) => {
      await replace(legacy, nameOf(0), 'bytes 0', { modified: new Date(1e12 + lists++ * 1000) })
      return legacy.list(options)
    }
    const waits: number[] = []
    expect(await verified([primary, { ...legacy, list }], { waits })).toMatchObject({ state: 'running' })
    expect(waits.filter((ms) => ms > 0).length).toBeGreaterThan(1)
  })

  it('knows all backfills, however many there are', async () => {
    const index = env.JOB_INDEX.get(env.JOB_INDEX.newUniqueId()) as DurableObjectStub<JobIndex>
    const ids = Array.from({ length: 250 }, (_, count) => String(count).padStart(3, '0'))
    for (const id of ids) await index.register(id, 'backfill')
    const jobs = { index: () => index } as unknown as Jobs
    const all = await latestJobs(jobs, { kind: 'backfill' }, async (id) => id)
    expect(all).toEqual(ids.toReversed())
    expect(await latestJobs(jobs, { kind: 'backfill', limit: 2 }, async (id) => id)).toEqual(['249', '248'])
  })
})

describe('a verification and its certificate', () => {
  it.each([
    ['listing', 'backfill one is listing'],
    ['running', 'backfill one is running'],
    ['paused', 'backfill one is paused'],
    [
      'completed_with_failures',
      'backfill one ended with 2 failures: retry it, or accept the reasons of its failures',
    ],
  ] as const)('is not safe while a backfill is %s', async (state, reason) => {
    const { primary, legacy } = await migrated(2)
    const result = await verified([primary, legacy], { backfills: [backfill(state, { failed: 2 })] })
    expect(result).toMatchObject({ equal: 2, safe_to_detach: false, reasons: [reason] })
  })

  it('ignores failures that a later backfill of the same names has fixed', async () => {
    const { primary, legacy } = await migrated(2)
    const failed = backfill('completed_with_failures', { id: 'old', failed: 2, prefix: 'photos/' })
    const good = await verified([primary, legacy], { backfills: [backfill('completed'), failed] })
    expect(good).toMatchObject({ safe_to_detach: true })
    // What could not be stored counts under the name of the primary.
    const stored = {
      ...failed,
      manifest: 'sent by the client',
      backends: { ...failed.backends, primary: failed.backends.legacy },
    } as Backfill
    expect(await verified([primary, legacy], { backfills: [backfill('completed'), stored] })).toMatchObject({
      safe_to_detach: true,
    })
    const narrower = backfill('completed', { prefix: 'photos/2024/' })
    const bad = await verified([primary, legacy], { backfills: [narrower, failed] })
    expect(bad).toMatchObject({ safe_to_detach: false })
  })

  it('is not safe if a fallback cannot list, or only a part was compared', async () => {
    const { primary, legacy } = await migrated(2)
    const { list: _, ...mute } = memoryBackend('origin')
    expect(await verified([primary, legacy, mute])).toMatchObject({
      safe_to_detach: false,
      reasons: ['origin cannot list, so its objects are unknown'],
    })
    expect(await verified([primary, legacy], { prefix: 'photos/' })).toMatchObject({
      compared: 2,
      safe_to_detach: false,
      reasons: ['only names that begin with "photos/" were compared'],
    })
  })
})
