import { afterEach, describe, expect, it, vi } from 'vitest'
import { createChain, type DeleteMode } from '../../src/chain/fallback.ts'
import { undelete } from '../../src/chain/tombstones.ts'
import { copyName } from '../../src/migration/copy-name.ts'
import type { CopyResult } from '../../src/migration/copy-result.ts'
import { versionOf } from '../../src/sources/conflicts.ts'
import { isConflict, reconcile } from '../../src/sources/reconcile.ts'
import { createReconciler } from '../../src/sources/reconciler.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { writeMarker } from '../../src/storage/tombstone-marker.ts'
import { withNegativeCache } from '../../src/wrappers/negative-cache.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { asR2, memoryBackend } from '../kit/memory.ts'
import { type FakeRequest, fakeS3 } from '../kit/s3-fake.ts'
import { errorAnswer } from '../kit/s3-script.ts'

const NAME = 'a.txt'

/** A chain of a primary and a read-only source, and what both hold. */
function start({ deletes = 'tombstone', copied }: { deletes?: DeleteMode; copied?: string } = {}) {
  const primary = memoryBackend('new')
  const store = memoryBackend('old')
  const { put: _, delete: __, createMultipartUpload: ___, ...source } = store
  const over = (...backends: Backend[]) => createChain(backends, { deletes })
  const chain = over(primary, source)
  const change = (text: string) => store.put(NAME, bytesOf(text))
  const run = (migrating = true, within = chain) => reconcile(within, 'old', NAME, { migrating })
  const text = async () => textOf(await chain.get(NAME))
  const ready = async () => {
    if (copied === undefined) return
    await change(copied)
    await copyName(chain, NAME)
  }
  return { primary, store, source, chain, over, change, run, text, ready }
}

describe('the edge cache', () => {
  it.each([
    ['was copied', true, 'one'],
    ['is not copied, so the edge has it from the source itself', false, 'one'],
    ['is not there any more', false, undefined],
  ])('is purged of an object that %s', async (_, migrating, text) => {
    const { chain, change } = start()
    if (text !== undefined) await change(text)
    const purged: string[] = []
    const purge = async (name: string) => void purged.push(name)
    const track = async (_: string, copy: Promise<CopyResult>) => copy
    await createReconciler({ chain, migrating, purge, track })('old', NAME)
    expect(purged).toEqual([NAME])
  })

  it('is purged of an object that no backend takes, so that the edge has it from the source itself', async () => {
    const { primary, source, over, change } = start()
    await change('one')
    const purged: string[] = []
    const event = createReconciler({
      chain: over({ ...primary, accepts: () => false }, source),
      migrating: true,
      purge: async (name) => void purged.push(name),
      track: (_, copy) => copy,
    })
    expect((await event('old', NAME)).outcome).toBe('ignored')
    expect(purged).toEqual([NAME])
  })
})

describe('the log', () => {
  const log = () => vi.spyOn(console, 'warn').mockImplementation(() => {})
  const lines = (spy: ReturnType<typeof log>) =>
    spy.mock.calls.map(([line]) => JSON.parse(String(line)) as Record<string, unknown>)
  afterEach(() => void vi.restoreAllMocks())

  it.each([
    ['a backend', new StorageError('timeout', 'did not answer'), { reason: 'timeout: did not answer' }],
    ['this software', new TypeError('a bug'), { reason: 'TypeError: a bug', stack: expect.any(String) }],
  ])('has the reason of each failure of %s', async (_, error, reason) => {
    const { source, primary, over, change } = start()
    const spy = log()
    const head = () => Promise.reject(error)
    const base = {
      migrating: true,
      purge: async () => {},
      track: <T>(_name: string, copy: Promise<T>) => copy,
    }
    const event = createReconciler({ ...base, chain: over(primary, { ...source, head }) })
    await expect(event('old', NAME)).rejects.toBe(error)
    const failure = { event: 'source', backend: 'old', name: NAME, outcome: 'failed' }
    expect(lines(spy)).toMatchObject([{ ...failure, ...reason }])
    await change('one')
    const broken = () => ({
      addConflict: () => Promise.reject(error),
      removeConflict: () => Promise.reject(error),
    })
    const unrecorded = createReconciler({ ...base, chain: over(primary, source), changes: broken })
    await expect(unrecorded('old', NAME)).rejects.toBe(error)
    expect(lines(spy)[1]).toMatchObject({ ...failure, ...reason })
  })
})

describe('reconcile()', () => {
  it('copies a new object if migration is on', async () => {
    const { change, run, primary } = start()
    await change('one')
    expect(await run(false)).toMatchObject({ outcome: 'not-migrated' })
    expect(primary.objects.size).toBe(0)
    expect(await run()).toMatchObject({ outcome: 'copied', bytes: 3 })
    expect(await run()).toMatchObject({ outcome: 'same' })
    expect(await textOf(await primary.get(NAME))).toBe('one')
  })

  it('replaces a copy of another version, whether or not migration is on', async () => {
    const { change, run, primary, ready } = start({ copied: 'one' })
    await ready()
    await change('two')
    expect(await run(false)).toMatchObject({ outcome: 'copied', detail: expect.stringContaining('ETag') })
    expect(await textOf(await primary.get(NAME))).toBe('two')
    expect(await run(false)).toMatchObject({ outcome: 'same' })
  })

  it('removes the copy of an object that was deleted, and copies it again if it comes back', async () => {
    const { change, run, store, text, ready, primary } = start({ copied: 'one' })
    await ready()
    await store.delete(NAME)
    expect(await run()).toMatchObject({ outcome: 'tombstoned' })
    expect(await text()).toBeNull()
    expect(await primary.head(NAME)).toMatchObject({ deleted: expect.any(Date) })
    expect(await run()).toMatchObject({ outcome: 'same' })
    await change('again')
    expect(await run()).toMatchObject({ outcome: 'copied' })
    expect(await text()).toBe('again')
  })

  it('removes no copy because the bucket of its source is gone, whatever HEAD says', async () => {
    let isGone = false
    const gone = ({ method }: FakeRequest) =>
      method === 'HEAD' ? new Response(null, { status: 404 }) : errorAnswer(404, 'NoSuchBucket')
    const s3 = fakeS3({ instead: (request) => (isGone ? gone(request) : undefined) })
    const { primary, over, text } = start()
    const { put: _, delete: __, createMultipartUpload: ___, ...source } = s3.backend
    const chain = over(primary, source)
    const event = () => reconcile(chain, source.name, NAME, { migrating: true })
    s3.objects.set(NAME, bytesOf('one'))
    expect(await event()).toMatchObject({ outcome: 'copied' })
    isGone = true
    await expect(event()).rejects.toMatchObject({ code: 'unavailable' })
    expect(await textOf(await primary.get(NAME))).toBe('one')
    isGone = false
    s3.objects.delete(NAME)
    expect(await event()).toMatchObject({ outcome: 'tombstoned' })
    expect(await text()).toBeNull()
  })

  it('says so if HEAD and GET of the source contradict each other, and removes no copy', async () => {
    const { run, over, primary, source, ready, text } = start({ copied: 'one' })
    await ready()
    const chain = over(primary, { ...source, head: async () => null })
    await expect(run(true, chain)).rejects.toMatchObject({
      code: 'unavailable',
      backend: 'old',
      message: expect.stringContaining('HEAD'),
    })
    expect(await text()).toBe('one')
  })

  it.each(['\u00E9', 'e\u0301'])(
    'hides no object of R2 that the source has under an equivalent name',
    async (there) => {
      const gone = there === 'é' ? 'e\u0301' : 'é'
      const { store, source, over } = start()
      const r2 = asR2(memoryBackend('new'))
      const chain = over(r2, source)
      const event = async (name: string) => (await reconcile(chain, 'old', name, { migrating: true })).outcome
      // Renamed from one spelling to the other.
      await store.put(gone, bytesOf('one'))
      expect(await event(gone)).toBe('copied')
      await store.delete(gone)
      await store.put(there, bytesOf('one'))
      expect(await event(there)).toBe('same')
      expect(await event(gone)).toBe('same')
      await store.put(there, bytesOf('two'))
      expect(await event(gone)).toBe('copied')
      expect(await textOf(await chain.get(there))).toBe('two')
      await store.delete(there)
      expect(await event(gone)).toBe('tombstoned')
      expect(await event(there)).toBe('same')
    },
  )

  it('copies a new object over a tombstone that hides nothing', async () => {
    const { change, run, primary } = start({ deletes: 'first' })
    await writeMarker(primary, NAME)
    await change('one')
    expect(await run()).toMatchObject({ outcome: 'copied' })
    expect(await textOf(await primary.get(NAME))).toBe('one')
  })

  it('hides nothing where deletes leave no tombstones', async () => {
    const { run, store, change, text, ready } = start({ copied: 'one', deletes: 'first' })
    await ready()
    await store.delete(NAME)
    expect(await run()).toMatchObject({ outcome: 'tombstoned' })
    expect(await text()).toBeNull()
    await change('again')
    expect(await text()).toBe('again')
    expect(await run()).toMatchObject({ outcome: 'copied' })
  })

  it('leaves a deleted name deleted, and a name whose tombstone was lifted is free', async () => {
    const { run, chain, change, ready, text } = start({ copied: 'one' })
    await ready()
    await chain.delete(NAME)
    await change('two')
    expect(await run()).toMatchObject({ outcome: 'hidden' })
    expect(await text()).toBeNull()
    await undelete(chain, NAME)
    expect(await run()).toMatchObject({ outcome: 'copied' })
    expect(await text()).toBe('two')
  })

  it('leaves a saved object alone', async () => {
    const { run, primary, change, store, text } = start()
    await primary.put(NAME, bytesOf('saved'))
    expect(await run()).toMatchObject({ outcome: 'absent' })
    await change('other')
    expect(await run()).toMatchObject({
      outcome: 'conflict',
      detail: expect.stringContaining('saved in new, not copied'),
      held: { size: 5 },
      found: { backend: 'old' },
    })
    await change('saved')
    expect(await run()).toMatchObject({ outcome: 'same' })
    await store.delete(NAME)
    expect(await run()).toMatchObject({ outcome: 'absent' })
    expect(await text()).toBe('saved')
  })

  it.each([
    ['a saved object', undefined],
    ['a copy that came from it', { backend: 'old', etag: '"first"', copied: new Date() }],
  ])('takes nothing back from a mirror that follows %s', async (_, from) => {
    const { run, primary, store, text } = start()
    await primary.put(NAME, bytesOf('newer'), { info: from ? { provenance: from } : {} })
    const provenance = { backend: 'new', copied: new Date() }
    await store.put(NAME, bytesOf('older'), { info: { provenance } })
    expect(await run()).toMatchObject({ outcome: 'same' })
    expect(await text()).toBe('newer')
  })

  it('removes the copy of an object that was deleted, although a mirror has not followed yet', async () => {
    const { run, over, primary, source, store, ready } = start({ copied: 'one' })
    await ready()
    const mirror = memoryBackend('mirror')
    const provenance = { backend: 'new', copied: new Date() }
    await mirror.put(NAME, bytesOf('one'), { info: { provenance } })
    await store.delete(NAME)
    const chain = over(primary, { ...mirror, mirror: 'all' }, source)
    expect(await run(true, chain)).toMatchObject({ outcome: 'tombstoned' })
    expect(await primary.head(NAME)).toMatchObject({ deleted: expect.any(Date) })
  })

  it('leaves the copy of an object that was deleted while a mirror holds one of its own', async () => {
    const { run, over, primary, source, store, ready } = start({ copied: 'one' })
    await ready()
    const mirror = memoryBackend('mirror')
    await mirror.put(NAME, bytesOf('older'))
    await store.delete(NAME)
    const chain = over(primary, { ...mirror, mirror: 'all' }, source)
    expect(await run(true, chain)).toMatchObject({ outcome: 'ignored' })
  })

  it('is no conflict any more once a mirror follows what was saved', async () => {
    const { primary, store, chain, run } = start()
    await primary.put(NAME, bytesOf('saved'))
    await store.put(NAME, bytesOf('at the source'))
    const { outcome, held, found } = await run()
    expect(outcome).toBe('conflict')
    if (!held || !found) throw new Error('what differs is missing')
    const versions = { held: versionOf(held), found: versionOf(found) }
    const conflict = { backend: 'old', name: NAME, detail: '', at: 0, ...versions }
    expect(await isConflict(chain, conflict)).toBe(true)
    await primary.put(NAME, bytesOf('saved again'))
    expect(await isConflict(chain, conflict)).toBe(true)
    // It is behind: the latest version is on its way.
    await store.put(NAME, bytesOf('saved'), { info: { provenance: { backend: 'new', copied: new Date() } } })
    expect(await isConflict(chain, conflict)).toBe(false)
  })

  it('changes nothing if the source fails, or the primary', async () => {
    const { run, over, primary, source, ready, store, text } = start({ copied: 'one' })
    await ready()
    await store.delete(NAME)
    const failing = async () => {
      throw new StorageError('unavailable', 'down')
    }
    await expect(run(true, over(primary, { ...source, head: failing }))).rejects.toThrow('down')
    await expect(run(true, over({ ...primary, head: failing }, source))).rejects.toThrow('down')
    expect(await text()).toBe('one')
  })

  it('is not misled by a remembered miss', async () => {
    const { run, over, primary, source, change, text } = start()
    const cached = withNegativeCache(source, { ttlMs: 60_000 })
    const chain = over(primary, cached)
    expect(await chain.head(NAME)).toBeNull()
    await change('one')
    expect(await chain.head(NAME)).toBeNull()
    expect(await run(true, chain)).toMatchObject({ outcome: 'copied' })
    expect(await chain.head(NAME)).toMatchObject({ backend: 'new' })
    expect(await text()).toBe('one')
  })

  it('leaves copies of other backends alone, and names that an earlier one has', async () => {
    const { primary, source, over, change, run, text } = start()
    const middle = memoryBackend('middle')
    const { put: _, delete: __, ...between } = middle
    const chain = over(primary, between, source)
    await change('from old')
    await middle.put(NAME, bytesOf('from middle'))
    expect(await run(true, chain)).toMatchObject({ outcome: 'ignored' })
    await copyName(chain, NAME)
    expect(await run(true, chain)).toMatchObject({ outcome: 'ignored' })
    expect(await text()).toBe('from middle')
  })

  it('does not hide what an earlier fallback has when the source of a copy deletes it', async () => {
    const { primary, store, source, over, run, ready, text } = start({ copied: 'one' })
    await ready()
    const middle = memoryBackend('middle')
    const { put: _, delete: __, ...between } = middle
    await middle.put(NAME, bytesOf('from middle'))
    await store.delete(NAME)
    expect(await run(true, over(primary, between, source))).toMatchObject({ outcome: 'ignored' })
    expect(await text()).toBe('one')
  })

  it.each([
    ['replaced', 'two', 'saved meanwhile'],
    ['tombstoned', null, 'saved meanwhile'],
    ['replaced', 'two', null],
    ['tombstoned', null, null],
  ])('loses to a save or delete that comes before a copy is %s', async (_, changed, meanwhile) => {
    const { primary, source, over, store, change, run, ready, text, chain } = start({ copied: 'one' })
    await ready()
    await (changed === null ? store.delete(NAME) : change(changed))
    let acted = false
    const racing: Backend = {
      ...primary,
      async put(...args) {
        if (!acted) {
          acted = true
          await (meanwhile === null ? chain.delete(NAME) : primary.put(NAME, bytesOf(meanwhile)))
        }
        return primary.put(...args)
      },
    }
    const { outcome } = await run(true, over(racing, source))
    expect(acted).toBe(true)
    expect(['conflict', 'absent', 'hidden']).toContain(outcome)
    expect(await text()).toBe(meanwhile)
  })

  it('gives up after some tries if other writes come first every time', async () => {
    const { primary, source, over, change, run, ready } = start({ copied: 'one' })
    await ready()
    await change('two')
    await expect(run(true, over({ ...primary, put: async () => null }, source))).rejects.toMatchObject({
      code: 'unavailable',
    })
  })

  it('replaces an object in parts if it is too large for one put, under the same condition', async () => {
    const { primary, source, over, change, run, ready, text } = start({ copied: 'one' })
    await ready()
    await change('twelve bytes')
    const conditions: unknown[] = []
    const inParts: Backend = {
      ...primary,
      maxPutSize: 5,
      async createMultipartUpload(name, options) {
        const upload = await primary.createMultipartUpload(name, options)
        return {
          ...upload,
          async complete(parts, put) {
            conditions.push(put?.onlyIf)
            return upload.complete(parts, put)
          },
        }
      },
    }
    const version = (await primary.head(NAME))?.version
    expect(await run(true, over(inParts, source))).toMatchObject({ outcome: 'copied', bytes: 12 })
    expect(conditions).toEqual([{ version }])
    expect(await text()).toBe('twelve bytes')
    expect(primary.uploads.size).toBe(0)
  })

  it.each([
    ['the backend that takes objects of its size', true, 'copied'],
    ['its source, if no backend takes it', true, 'ignored'],
    ['its source, if migration is off', false, 'not-migrated'],
  ] as const)(
    'serves an object that has become too large for the backend of its copy from %s',
    async (_, migrating, outcome) => {
      const { primary, store, source, over } = start()
      const small = { ...memoryBackend('small'), maxSize: 5 }
      const chain = outcome === 'copied' ? over(small, primary, source) : over(small, source)
      const purged: string[] = []
      const event = createReconciler({
        chain,
        migrating,
        purge: async (name) => void purged.push(name),
        track: (_name, copy) => copy,
      })
      await store.put(NAME, bytesOf('one'))
      await copyName(chain, NAME)
      await store.put(NAME, bytesOf('twelve bytes'))
      expect((await event('old', NAME)).outcome).toBe(outcome)
      expect(await textOf(await chain.get(NAME))).toBe('twelve bytes')
      expect(primary.objects.size).toBe(outcome === 'copied' ? 1 : 0)
      expect(purged).toEqual([NAME])
      expect((await event('old', NAME)).outcome).toBe(outcome === 'copied' ? 'same' : outcome)
    },
  )
})
