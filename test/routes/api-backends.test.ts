import * as v from 'valibot'
import { ANSWERS } from '../../src/schemas/answers.ts'
import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import {
  answering,
  bucketWith,
  fill,
  KV,
  media,
  mediaKv,
  MODIFIED,
  OLD,
  R2,
  SILENT_ORIGIN,
  startApp,
} from '../kit/app.ts'
import { startFilled } from './filled.ts'

afterEach(() => reset())

describe('GET /-/api/explain/{name}', () => {
  it('shows each backend’s result and what a read would do', async () => {
    const { json } = await startFilled()
    const { body } = await json('/-/api/explain/a/two')
    expect(body).toEqual({
      name: 'a/two',
      would_serve: 'media_kv',
      tombstone: null,
      migration: {
        enabled: false,
        state: 'not_migrating',
        target: 'media',
        reason: 'FALLBACK_DATA_MIGRATION is off',
      },
      speculation: { miss_rate: 0, starts: [] },
      backends: [
        { name: 'media', type: 'r2', accepts: true, result: 'absent', latency_ms: expect.any(Number) },
        {
          name: 'media_kv',
          type: 'kv',
          accepts: true,
          result: 'hit',
          latency_ms: expect.any(Number),
          size: 1,
          etag: expect.any(String),
          modified_time: MODIFIED,
          version: expect.any(String),
        },
      ],
    })
  })

  it('shows a tombstone, and what it hides', async () => {
    const { json, remove } = await startFilled()
    await remove('a/two')
    expect((await json('/-/api/explain/a/two')).body).toMatchObject({
      would_serve: null,
      tombstone: { backend: 'media', deleted_time: expect.any(String) },
      migration: { state: 'deleted' },
      backends: [{ result: 'deleted' }, { result: 'hit' }],
    })
  })

  it.each([
    ['a/one', 'present', 'media'],
    ['a/two', 'pending', 'media'],
    ['none', 'absent', null],
  ])('shows the migration of %s as %s', async (name, state, target) => {
    await fill(media, { 'a/one': '1' })
    await fill(mediaKv, { 'a/two': '2' })
    const { json } = startApp({ FALLBACK_DATA_MIGRATION: true })
    expect((await json(`/-/api/explain/${name}`)).body['migration']).toMatchObject({
      enabled: true,
      state,
      target,
    })
  })

  it('shows failures, and still searches every backend', async () => {
    const head = async (): Promise<never> => Promise.reject(new Error('head: Unauthorized (10002)'))
    await fill(mediaKv, { a: '1' })
    const { json } = startApp({ FALLBACK_DATA_MIGRATION: true, MEDIA: bucketWith({ head }) })
    expect((await json('/-/api/explain/a')).body).toMatchObject({
      would_serve: 'media_kv',
      migration: { state: 'blocked', target: 'media', reason: 'media failed' },
      backends: [{ result: 'denied', detail: 'R2 refuses the binding' }, { result: 'hit' }],
    })
    expect((await json('/-/api/explain/none')).body).toMatchObject({ migration: { state: 'unknown' } })
  })
})

describe('GET /-/api/backends', () => {
  it('shows the chain, the methods of each backend, and its health', async () => {
    const { call, json } = startApp({
      FALLBACK_STORAGES: [R2, { ...OLD, timeout_ms: 5 }],
      FALLBACK_BREAKER_FAILURES: 2,
      OLD: SILENT_ORIGIN,
    })
    for (const path of ['/a', '/b']) await call(path)
    const timeout = { at: expect.any(String), error: 'timeout', detail: expect.any(String) }
    expect((await json('/-/api/backends')).body).toMatchObject({
      migration: false,
      deletes: 'tombstone',
      backends: [
        {
          name: 'media',
          role: 'primary',
          writable: true,
          methods: expect.arrayContaining(['save', 'listdir', 'url']),
        },
        {
          name: 'old',
          role: 'fallback',
          writable: false,
          methods: expect.not.arrayContaining(['save']),
          health: {
            state: 'open',
            failures: 2,
            recent_errors: [timeout, timeout],
          },
        },
      ],
    })
  })

  it('lists the times that a backend records, as the API answers them', async () => {
    await fill(media, { 'r2.txt': 'x' })
    await fill(mediaKv, { 'kv.txt': 'x' })
    const app = startApp({
      FALLBACK_STORAGES: [R2, KV, OLD],
      OLD: answering(() => new Response('x', { headers: { 'Last-Modified': new Date(0).toUTCString() } })),
    })
    const { backends } = v.parse(ANSWERS.listBackends, await app.get('backends'))
    for (const [index, name] of ['r2.txt', 'kv.txt', 'http.txt'].entries())
      for (const time of ['modified_time', 'created_time', 'accessed_time']) {
        const { status } = await app.json(`/-/api/${time}/${name}`)
        expect({ name, time, status }).toEqual({
          name,
          time,
          status: backends[index]?.methods.includes(time) ? 200 : 501,
        })
      }
    expect(backends.map(({ methods }) => methods.includes('created_time'))).toEqual([true, true, false])
  })

  it('shows what is configured for development as the schema says, and no placeholder', async () => {
    const { json } = startApp({
      FALLBACK_STORAGES: [
        { ...R2, rewrite: [['-\\d+x\\d+', '']] },
        { ...OLD, redirect: true, public_url: 'https://old.example/' },
        { type: 'placeholder' },
      ],
      OLD: SILENT_ORIGIN,
    })
    const { body } = await json('/-/api/backends')
    expect(v.parse(ANSWERS.listBackends, body).backends.map(({ config }) => config)).toMatchObject([
      { rewrite: [['-\\d+x\\d+', '']] },
      { redirect: true },
    ])
  })
})
