import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { apiApp, holding, readOnly } from './api-app.ts'

async function pair() {
  const first = await holding('first', { 'a/one': '1', 'b/x': '2' })
  const second = await holding('second', { 'a/one': '11', 'a/two': '3', c: '4' })
  return { first, second, ...apiApp([first, readOnly(second)]) }
}

describe('GET /-/api/explain/{name}', () => {
  it('tells what each backend says and what a read would do', async () => {
    const { json } = await pair()
    const { body } = await json('/-/api/explain/a/two')
    expect(body).toEqual({
      name: 'a/two',
      would_serve: 'second',
      tombstone: null,
      migration: {
        enabled: false,
        state: 'not_migrating',
        target: 'first',
        reason: 'FALLBACK_DATA_MIGRATION is off',
      },
      backends: [
        { name: 'first', type: 'memory', accepts: true, result: 'absent', latency_ms: expect.any(Number) },
        {
          name: 'second',
          type: 'memory',
          accepts: true,
          result: 'hit',
          latency_ms: expect.any(Number),
          size: 1,
          etag: expect.any(String),
          modified_time: '2001-09-09T01:46:40.000Z',
          version: expect.any(String),
        },
      ],
    })
  })

  it('tells a tombstone, and what it hides', async () => {
    const { json, chain } = await pair()
    await chain.delete('a/two')
    expect((await json('/-/api/explain/a/two')).body).toMatchObject({
      would_serve: null,
      tombstone: { backend: 'first', deleted_time: expect.any(String) },
      migration: { state: 'deleted' },
      backends: [{ result: 'deleted' }, { result: 'hit' }],
    })
  })

  it.each([
    ['a/one', 'present', 'first'],
    ['a/two', 'pending', 'first'],
    ['none', 'absent', null],
  ])('tells the migration of %s to be %s', async (name, state, target) => {
    const first = await holding('first', { 'a/one': '1' })
    const second = await holding('second', { 'a/two': '2' })
    const { json } = apiApp([first, readOnly(second)], { migration: true })
    expect((await json(`/-/api/explain/${name}`)).body['migration']).toMatchObject({
      enabled: true,
      state,
      target,
    })
  })

  it('tells failures, and asks every backend all the same', async () => {
    const failing = {
      ...memoryBackend('first'),
      head: async (): Promise<never> => {
        throw new StorageError('denied', 'refuses us', { backend: 'first' })
      },
    }
    const { json } = apiApp([failing, readOnly(await holding('second', { a: '1' }))], { migration: true })
    expect((await json('/-/api/explain/a')).body).toMatchObject({
      would_serve: 'second',
      migration: { state: 'blocked', target: 'first', reason: 'first failed' },
      backends: [{ result: 'denied', detail: 'refuses us' }, { result: 'hit' }],
    })
    expect((await json('/-/api/explain/none')).body).toMatchObject({ migration: { state: 'unknown' } })
  })
})

describe('GET /-/api/backends', () => {
  it('tells the chain, the methods of each backend, and its health', async () => {
    const health = {
      state: 'open' as const,
      failures: 5,
      recentErrors: [{ at: new Date(0), code: 'timeout', detail: 'late' }],
      latency: { p50: 1, p95: 2, p99: 3, count: 4 },
    }
    const second = readOnly(memoryBackend('second'))
    const { json } = apiApp([memoryBackend('first'), second], { health: { second: health } })
    expect((await json('/-/api/backends')).body).toMatchObject({
      migration: false,
      deletes: 'tombstone',
      backends: [
        {
          name: 'first',
          role: 'primary',
          writable: true,
          methods: expect.arrayContaining(['save', 'listdir', 'url']),
        },
        {
          name: 'second',
          role: 'fallback',
          writable: false,
          methods: expect.not.arrayContaining(['save']),
          health: {
            state: 'open',
            failures: 5,
            recent_errors: [{ at: '1970-01-01T00:00:00.000Z', error: 'timeout', detail: 'late' }],
            latency_ms: { p95: 2 },
          },
        },
      ],
    })
  })
})
