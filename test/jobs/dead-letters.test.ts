import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  reset,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import worker from '../../src/index.ts'
import { bucketWith, fill, KV, media, mediaKv, R2 } from '../kit/app.ts'

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
      const [dead] = await index().deadLetters(10)
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
  const deadNames = async () => (await index().deadLetters(10)).map(({ name }) => name)

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
    expect(await index().deadLetters(10)).toMatchObject([letter])
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
    expect(await index().deadLetters(10)).toMatchObject([{ source: 'old' }, { name: 'a', source: null }])
  })
})
