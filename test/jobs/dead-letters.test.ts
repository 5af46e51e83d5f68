import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  reset,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import worker from '../../src/index.ts'
import type { JobIndex } from '../../src/jobs/job-index.ts'
import { ANSWERS } from '../../src/schemas/answers.ts'
import { BROKEN_ORIGIN, bucketWith, fill, KV, media, mediaKv, OLD, R2, startApp } from '../kit/app.ts'
import { eventually } from '../kit/eventually.ts'
import { bytesOf } from '../kit/fakes.ts'

const COPY = { type: 'copy', name: 'photos/given-up.jpg' } as const
const EVENT = { type: 'source', backend: 'legacy', name: 'photos/changed.jpg' } as const
const PAGE = { type: 'page', job: '0123456789abcde', page: 1, source: 'legacy', names: [] } as const

type Body = { type: 'copy'; name: string } | { type: 'source'; backend: string; name: string } | typeof PAGE

const index = () => env.JOB_INDEX.getByName('index')

afterEach(() => reset())

async function deliver(queue: string, own: Env, body: Body) {
  const batch = createMessageBatch<Body>(queue, [{ id: 'one', timestamp: new Date(), attempts: 1, body }])
  const ctx = createExecutionContext()
  await worker.queue(batch as Parameters<typeof worker.queue>[0], own)
  return getQueueResult(batch, ctx)
}

describe('a message that ended in the dead-letter queue', () => {
  const wrong: Env = { ...env, FALLBACK_STORAGES: 'wrong' as never }

  it.each([COPY, EVENT])(
    'is recorded with the reason, even while the configuration is wrong: $type',
    async (body) => {
      const { explicitAcks } = await deliver('fallback-storage-dead-copies', wrong, body)
      expect(explicitAcks).toEqual(['one'])
      const [dead] = (await index().deadLetters(10)).letters
      const source = body.type === 'source' ? body.backend : null
      expect(dead).toMatchObject({ name: body.name, error: 'unexpected', attempts: 9, source })
      expect(dead?.detail).toContain('dead-lettered after 9 deliveries')
    },
  )

  it('is acknowledged if it is a page of a job that does not exist', async () => {
    const { explicitAcks } = await deliver('media-dead-copies', wrong, PAGE)
    expect(explicitAcks).toEqual(['one'])
  })

  it('comes from a consumer that throws, for example because of a wrong configuration', async () => {
    await expect(deliver('fallback-storage-copies', wrong, COPY)).rejects.toThrow('FALLBACK_STORAGES')
  })
})

describe('a dead letter', () => {
  const own = { ...env, FALLBACK_STORAGES: [R2, KV] } as unknown as Env
  const failure = { error: 'timeout', detail: 'did not answer', attempts: 6 }
  const event = { ...EVENT, backend: 'media_kv' }
  const deadNames = async () => (await index().deadLetters(10)).letters.map(({ name }) => name)

  it('is removed when a later copy succeeds', async () => {
    await fill(mediaKv, { [COPY.name]: 'bytes' })
    for (const name of [COPY.name, 'another']) await index().addDeadLetter({ ...failure, name })
    await deliver('fallback-storage-copies', own, COPY)
    expect(await media.head(COPY.name)).not.toBeNull()
    expect(await deadNames()).toEqual(['another'])
  })

  it('of an event is removed when a later one of its source is handled, not by a copy', async () => {
    const letter = { ...failure, name: event.name, source: event.backend }
    await index().addDeadLetter(letter)
    // One of a copy of the same name replaces it, but the event is still to be handled.
    await index().addDeadLetter({ ...failure, name: event.name })
    await deliver('fallback-storage-copies', own, { ...COPY, name: event.name })
    await deliver(
      'fallback-storage-copies',
      { ...own, FALLBACK_STORAGES: [R2, { ...KV, name: 'other' }] } as never,
      {
        ...event,
        backend: 'other',
      },
    )
    expect((await index().deadLetters(10)).letters).toMatchObject([letter])
    await deliver('fallback-storage-copies', own, event)
    expect(await deadNames()).toEqual([])
  })

  it('stays while copies fail', async () => {
    await index().addDeadLetter({ ...failure, name: COPY.name })
    const head = () => Promise.reject(new Error('internal error (10001)'))
    const broken = { ...own, MEDIA: bucketWith({ head }) }
    await deliver('fallback-storage-copies', broken as never, COPY)
    expect(await deadNames()).toEqual([COPY.name])
  })

  it('is pushed out by a thousand others, not by one that fails again and again', async () => {
    const added = await runInDurableObject(index(), async (object: JobIndex) => {
      await object.addDeadLetter({ ...failure, name: 'kept' })
      for (let times = 0; times < 1001; times++) await object.addDeadLetter({ ...failure, name: 'often' })
      const few = await object.deadLetters(2)
      for (let other = 0; other < 999; other++) await object.addDeadLetter({ ...failure, name: `${other}` })
      return { few, many: await object.deadLetters(2000) }
    })
    expect(added.few).toMatchObject({ letters: [{ name: 'often' }, { name: 'kept' }], total: 2 })
    expect([added.many.total, added.many.letters.at(-1)?.name]).toEqual([1000, 'often'])
  })

  it('of an earlier version of the table is kept', async () => {
    await runInDurableObject(index(), (_, { storage }) => {
      storage.sql.exec('DROP TABLE dead_letters')
      storage.sql.exec(
        'CREATE TABLE dead_letters (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, error TEXT, detail TEXT, attempts INTEGER, at INTEGER)',
      )
      storage.sql.exec(
        "INSERT INTO dead_letters (name, error, detail, attempts, at) VALUES ('a', 'timeout', 'b', 6, 1)",
      )
    })
    await runInDurableObject(index(), (_, state) => state.abort()).catch(() => {})
    await index().addDeadLetter({ ...failure, name: event.name, source: 'old' })
    expect((await index().deadLetters(10)).letters).toMatchObject([
      { source: 'old' },
      { name: 'a', source: null },
    ])
  })
})

describe('GET dead_copies', () => {
  const failure = { error: 'timeout', detail: 'did not answer', attempts: 6 }
  const add = (...names: string[]) =>
    Promise.all(names.map((name) => index().addDeadLetter({ ...failure, name })))
  const addEvents = (...names: string[]) =>
    Promise.all(names.map((name) => index().addDeadLetter({ ...failure, name, source: 'media_kv' })))
  const listed = async ({ get }: ReturnType<typeof startApp>, query = '') => {
    const { dead_copies: dead, total } = v.parse(ANSWERS.listDeadCopies, await get(`dead_copies${query}`))
    return { names: dead.map(({ name }) => name).toSorted(), total }
  }
  const copy = (name: string, copied: Date) =>
    media.put?.(name, bytesOf('x'), { info: { provenance: { backend: 'media_kv', copied } } })

  it('no longer lists a name once it was copied by a read or replaced or deleted in the primary', async () => {
    const app = startApp({ FALLBACK_DATA_MIGRATION: true })
    await fill(mediaKv, { read: 'bytes', deleted: 'bytes', left: 'bytes' })
    await add('read', 'put', 'deleted', 'left')
    expect((await app.call('/read', { token: null })).status).toBe(200)
    await eventually(
      () => 'it was not copied',
      () => media.head('read'),
    )
    await app.call('/put', { method: 'PUT', body: 'saved' })
    await app.remove('deleted')
    expect(await listed(app)).toEqual({ names: ['left'], total: 1 })
    expect((await index().deadLetters(10)).letters).toMatchObject([{ name: 'left' }])
  })

  it('lists an event until what the primary has is from later', async () => {
    const app = startApp()
    const names = ['copied', 'copied since', 'saved', 'saved since', 'deleted since']
    await copy('copied', new Date(0))
    await copy('copied since', new Date(0))
    await fill(media, { saved: 'x', 'saved since': 'x', 'deleted since': 'x' })
    await scheduler.wait(5)
    await addEvents(...names, 'not copied')
    expect(await listed(app)).toMatchObject({ total: 6 })
    await scheduler.wait(5)
    await copy('copied since', new Date())
    await app.call('/saved%20since', { method: 'PUT', body: 'y' })
    await app.remove('deleted%20since')
    expect(await listed(app)).toEqual({ names: ['copied', 'not copied', 'saved'], total: 3 })
  })

  it('lists a copy of what only a later backend has, whether or not that is writable', async () => {
    const app = startApp({ FALLBACK_STORAGES: [R2, { ...KV, read_only: false }] })
    await fill(mediaKv, { 'in the fallback': 'bytes' })
    await add('in the fallback')
    expect(await listed(app)).toMatchObject({ names: ['in the fallback'] })
  })

  it('lists no copy of an object that was too large for the primary, and is where such objects are', async () => {
    const app = startApp({ FALLBACK_STORAGES: [{ ...KV, read_only: false }, R2, OLD], OLD: BROKEN_ORIGIN })
    await media.put?.('large', new Uint8Array(25 * 1024 * 1024 + 1))
    await fill(media, { small: 'bytes' })
    await add('large', 'small')
    expect(await listed(app)).toEqual({ names: ['small'], total: 1 })
  })

  it('removes no entry that was added while it looked at an earlier one of the name', async () => {
    await fill(media, { again: 'bytes', handled: 'bytes' })
    await add('again', 'handled')
    await scheduler.wait(5)
    const head = async (name: string) => {
      if (name === 'again') await add(name)
      return env.MEDIA.head(name)
    }
    expect(await listed(startApp({ MEDIA: bucketWith({ head }) }))).toEqual({ names: [], total: 0 })
    expect((await index().deadLetters(10)).letters).toMatchObject([{ name: 'again' }])
  })

  it('lists what cannot be looked at, and only looks at what it lists', async () => {
    await add('a', 'b', 'c')
    const looked = new Set<string>()
    const head = (name: string) => {
      looked.add(name)
      return Promise.reject(new Error('internal error (10001)'))
    }
    const app = startApp({ MEDIA: bucketWith({ head }) })
    expect(await listed(app, '?limit=2')).toMatchObject({ names: ['b', 'c'], total: 3 })
    expect(looked).toEqual(new Set(['b', 'c']))
  })
})
