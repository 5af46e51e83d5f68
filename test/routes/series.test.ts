import { createMessageBatch, reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import worker from '../../src/index.ts'
import type { PageMessage, PageStart } from '../../src/jobs/backfill/job-types.ts'
import type { CopyMessage } from '../../src/migration/copy-later.ts'
import type { Backends, Dependence, Series } from '../../src/schemas/answers.ts'
import { BROKEN_ORIGIN, fill, KV, media, mediaKv, OLD, R2, startApp, TOKEN } from '../kit/app.ts'
import { eventually } from '../kit/eventually.ts'
import { BUCKET, type S3Init, startS3 } from '../kit/s3-client.ts'

afterEach(async () => {
  vi.useRealTimers()
  await reset()
})

type App = ReturnType<typeof startApp>
const startCounted = (settings: Record<string, unknown> = {}) =>
  startApp({ TIME_SERIES: env.TIME_SERIES, ...settings })
const seriesOf = async ({ get }: Pick<App, 'get'>, query: string) =>
  (await get(`series?${query}`)) as unknown as Series
const backendsOf = async ({ get }: Pick<App, 'get'>) => (await get('backends')) as unknown as Backends
const total = (column: readonly (number | null)[] | undefined) =>
  (column ?? []).reduce<number>((sum, count) => sum + (count ?? 0), 0)

/** All counts of a series, summed over time. */
async function totalsOf(app: Pick<App, 'get'>, what: string) {
  const { columns, backends } = await seriesOf(app, `what=${what}`)
  const own = Object.entries(columns).map(([name, column]) => [name, total(column)] as const)
  const named = Object.entries(backends).flatMap(([backend, columnsOfIt]) =>
    Object.entries(columnsOfIt).map(([name, column]) => [`${backend}.${name}`, total(column)] as const),
  )
  return Object.fromEntries([...own, ...named].filter(([, count]) => count > 0))
}

/** Reads the whole body, as clients do. */
const read = async ({ call }: App, path: string, init?: RequestInit) => (await call(path, init)).text()

describe('GET /-/api/series', () => {
  it('shows who answered the reads, at once', async () => {
    await fill(media, { a: '1' })
    await fill(mediaKv, { b: '2' })
    const app = startCounted()
    for (const path of ['/a', '/a', '/b', '/none', '/-/api/open/a', '/-/api/open/none']) await read(app, path)
    await read(app, '/b', { method: 'HEAD' })
    await read(app, '/a', { headers: { 'If-None-Match': '*' } })
    expect(await totalsOf(app, 'reads')).toEqual({ absent: 2, 'media.reads': 4, 'media_kv.reads': 2 })
    const health = await totalsOf(app, 'health')
    expect(health).toMatchObject({ 'media.attempts': 8, 'media_kv.attempts': 4 })
    expect(Object.keys(health).filter((name) => name.endsWith('errors'))).toEqual([])
    await read(app, '/a')
    expect(await totalsOf(app, 'reads')).toMatchObject({ 'media.reads': 5 })
  })

  it('counts a placeholder as a read of no backend', async () => {
    const app = startCounted({ FALLBACK_STORAGES: [R2, KV, { type: 'placeholder' }] })
    expect(await read(app, '/a.jpg')).toContain('<svg')
    await read(app, '/a.jpg', { method: 'HEAD' })
    expect((await totalsOf(app, 'reads'))['placeholder.reads']).toBeUndefined()
    expect((await backendsOf(app)).backends.map(({ name }) => name)).toEqual(['media', 'media_kv'])
    expect((await backendsOf(app)).last_fallback_read).toBeNull()
  })

  it('shows reads of S3 clients, and nothing else that they do', async () => {
    await fill(media, { a: '1' })
    await fill(mediaKv, { b: '2' })
    const app = startS3({ TIME_SERIES: env.TIME_SERIES, FALLBACK_STORAGES: [R2, KV] })
    const send = async (method: string, path: string, init?: S3Init) =>
      (await app.s3(method, path, init)).text()
    for (const path of ['/a', '/b', '/none']) await send('GET', `/${BUCKET}${path}`)
    await send('HEAD', `/${BUCKET}/b`)
    await send('GET', `/${BUCKET}`, { query: { 'list-type': '2' } })
    await send('GET', `/${BUCKET}/b`, { query: { tagging: '' } })
    await send('GET', '/other/b')
    await send('PUT', `/${BUCKET}/c`, { headers: { 'x-amz-copy-source': `/${BUCKET}/b` } })
    expect(await totalsOf(app, 'reads')).toEqual({ absent: 1, 'media.reads': 1, 'media_kv.reads': 2 })
  })

  it('shows failures, and the errors of the backends', async () => {
    const app = startCounted({ FALLBACK_STORAGES: [R2, OLD], OLD: BROKEN_ORIGIN })
    await read(app, '/none')
    expect(await totalsOf(app, 'reads')).toEqual({ failed: 1 })
    expect(await totalsOf(app, 'health')).toMatchObject({
      'media.attempts': 1,
      'old.attempts': 1,
      'old.errors': 1,
    })
  })

  it('shows what the edge cache answered', async () => {
    await fill(media, { a: '1' })
    const app = startCounted({ MEDIA_EDGE_CACHE_SECONDS: 60 })
    const status = async () => {
      const response = await app.call('/a', { token: null })
      await response.text()
      return response.headers.get('Cache-Status')?.includes('-edge; hit') || null
    }
    await eventually(() => 'a hit of the edge cache', status)
    expect(await totalsOf(app, 'reads')).toMatchObject({ edge: 1, 'media.reads': expect.any(Number) })
  })

  it('shows copies and their bytes', async () => {
    await fill(mediaKv, { b: '12345' })
    const app = startCounted({ FALLBACK_DATA_MIGRATION: true })
    await read(app, '/b')
    await eventually(
      () => 'a counted copy',
      async () => ((await totalsOf(app, 'copies'))['copied'] === 1 ? true : null),
    )
    expect(await totalsOf(app, 'copies')).toEqual({ copied: 1, bytes: 5 })
    await app.post('migrate', { names: ['b', 'none'] })
    expect(await totalsOf(app, 'copies')).toEqual({ copied: 1, bytes: 5, present: 1, absent: 1 })
  })

  it('counts only reads of objects, however much else is asked', async () => {
    await fill(media, { a: '1' })
    await fill(mediaKv, { b: '2' })
    const app = startCounted()
    const { call, json } = app
    const others = [
      '/-/api/exists/b',
      '/-/api/size/b',
      '/-/api/modified_time/b',
      '/-/api/url/b',
      '/-/api/list/',
      '/-/api/listdir/',
      '/-/api/explain/b',
      '/-/api/backends',
      '/-/api/preview/b',
      '/-/api/series?what=reads',
      '/-/metrics',
      '/-/health',
    ]
    for (let round = 0; round < 20; round++)
      for (const path of others) {
        const response = await call(path)
        expect([path, response.status]).toEqual([path, 200])
        await response.text()
      }
    await call('/c', { method: 'PUT', body: 'x' })
    await call('/c', { method: 'DELETE' })
    await json('/-/api/exists', {
      method: 'POST',
      body: '{"names":["a","b"]}',
      headers: { 'Content-Type': 'application/json' },
    })
    await (await call('/a', { method: 'OPTIONS' })).text()
    const { counted_since, last_fallback_read } = await backendsOf(app)
    expect({ counted_since, last_fallback_read }).toEqual({ counted_since: null, last_fallback_read: null })
    expect(await totalsOf(app, 'reads')).toEqual({})
    expect(await totalsOf(app, 'health')).toEqual({})
  })

  it('has zeros since anything was counted, and nulls before', async () => {
    await fill(media, { a: '1' })
    const app = startCounted()
    const from = new Date(Date.now() - 5 * 60_000).toISOString()
    const before = await seriesOf(app, `what=reads&from=${from}`)
    expect(before).toMatchObject({ what: 'reads', step: 60, counted_since: null })
    expect(new Set(before.columns['absent'])).toEqual(new Set([null]))
    await read(app, '/a')
    const { at, columns, backends, counted_since } = await seriesOf(app, `what=reads&from=${from}`)
    expect(at.length).toBeGreaterThanOrEqual(6)
    expect(at.slice(1).every((time, index) => time - (at[index] ?? 0) === 60)).toBe(true)
    expect(total(backends['media']?.['reads'])).toBe(1)
    expect(columns['absent']?.[0]).toBeNull()
    expect(columns['absent']?.at(-1)).toBe(0)
    expect(Math.abs(Date.parse(counted_since ?? '') - Date.now())).toBeLessThan(10_000)
  })

  it.each([
    [60, 1440],
    [900, 1344],
    [86_400, 400],
  ])('has with step %d at most %d entries', async (step, count) => {
    const { at, step: shown } = await seriesOf(
      startCounted(),
      `what=health&step=${step}&from=1970-01-01T00:00:00Z`,
    )
    expect([at.length, shown]).toEqual([count, step])
  })

  it.each([
    '',
    'what=all',
    'what=reads&step=61',
    'what=reads&from=yesterday',
    'what=reads&from=2026-11-28T00:00:00%2B05',
  ])('refuses ?%s', async (query) => {
    expect((await startCounted().json(`/-/api/series?${query}`)).status).toBe(400)
  })

  it('answers 503 if the object fails, which no read notices', async () => {
    await fill(media, { a: '1' })
    const failing = async () => Promise.reject(new Error('the object is overloaded'))
    const stub = { report: failing, summary: failing, intervals: failing, dependence: failing }
    const app = startCounted({
      TIME_SERIES: { idFromName: () => '', get: () => stub, getByName: () => stub },
    })
    expect(await read(app, '/a')).toBe('1')
    expect(await app.json('/-/api/series?what=reads')).toMatchObject({
      status: 503,
      body: { title: 'The series cannot be read' },
    })
    expect((await app.json('/-/api/dependence')).status).toBe(503)
    const { status, body } = await app.json('/-/api/backends')
    expect(status).toBe(200)
    expect(Object.keys(body).sort()).toEqual(['backends', 'deletes', 'migration', 'warnings'])
    expect(app.deployment.series).not.toBeNull()
  })

  it('answers 501 and how to bind the object if it is not bound; all else works', async () => {
    await fill(mediaKv, { b: '2' })
    const app = startApp()
    expect(await read(app, '/b')).toBe('2')
    const { status, body } = await app.json('/-/api/series?what=reads')
    expect(status).toBe(501)
    expect(body['detail']).toContain('bind the Durable Object class TimeSeries as TIME_SERIES')
    expect(await app.json('/-/api/dependence')).toMatchObject({
      status: 501,
      body: { detail: body['detail'] },
    })
    const shown = await backendsOf(app)
    expect(shown.backends).toHaveLength(2)
    expect(shown).not.toHaveProperty('last_fallback_read')
    expect(shown).not.toHaveProperty('counted_since')
  })
})

describe('GET /-/api/dependence', () => {
  it('shows which reads the fallbacks answered, at once', async () => {
    await fill(media, { a: '1', 'photos/a': '1' })
    await fill(mediaKv, { b: '2', 'photos/b': '2', 'photos/c/d': '3' })
    const app = startCounted()
    const { fallbacks, ...before } = (await app.get('dependence')) as unknown as Dependence
    expect(before).toEqual({
      counted_since: null,
      reads: { hour: 0, day: 0, week: 0 },
      shadow_percent: 0,
      shadowed: 0,
      mismatched: 0,
      mismatches: [],
    })
    expect(fallbacks).toMatchObject([{ name: 'media_kv', last_read: null, quiet_days: null, share: null }])
    for (const path of ['/a', '/photos/a', '/photos/b', '/-/api/open/photos/c/d', '/none'])
      await read(app, path)
    await read(app, '/b', { method: 'HEAD' })
    await read(app, '/b', { headers: { Range: 'bytes=0-0' } })
    for (const path of ['exists/b', 'size/b', 'preview/b', 'explain/b', 'list/'])
      await read(app, `/-/api/${path}`)
    expect(await app.get('dependence')).toMatchObject({
      reads: { hour: 6, day: 6, week: 6 },
      fallbacks: [
        {
          name: 'media_kv',
          role: 'fallback',
          reads: { hour: 4, day: 4, week: 4 },
          share: 4 / 6,
          last_read: { at: expect.any(String), name: 'b' },
          quiet_days: 0,
          prefixes: [
            { prefix: '', reads: 2 },
            { prefix: 'photos/', reads: 2 },
          ],
        },
      ],
    })
  })
})

describe('last_fallback_read in GET /-/api/backends', () => {
  it('names the latest read that a fallback answered', async () => {
    await fill(media, { a: '1' })
    await fill(mediaKv, { b: '2', c: '3' })
    const app = startCounted()
    await read(app, '/a')
    expect(await backendsOf(app)).toMatchObject({
      last_fallback_read: null,
      counted_since: expect.any(String),
    })
    for (const path of ['/b', '/c', '/a']) await read(app, path)
    await (await app.call('/-/api/size/b')).text()
    const { last_fallback_read } = await backendsOf(app)
    expect(last_fallback_read).toEqual({ at: expect.any(String), name: 'c', backend: 'media_kv' })
    expect(Math.abs(Date.parse(last_fallback_read?.at ?? '') - Date.now())).toBeLessThan(10_000)
  })

  it('is the same in other isolates within seconds', async () => {
    await fill(mediaKv, { b: '2', c: '3' })
    await read(startCounted(), '/b')
    const other = startCounted()
    const shown = await eventually(
      () => 'the read of the other isolate',
      async () => (await backendsOf(other)).last_fallback_read ?? null,
    )
    expect(shown).toMatchObject({ name: 'b', backend: 'media_kv' })
  })
})

describe('the consumer of the queue', () => {
  /** A deployment of its own, where nothing was reported in the last seconds. */
  async function copiesOf(body: CopyMessage | PageMessage, settings: Record<string, unknown> = {}) {
    const own = { ...env, API_TOKEN: TOKEN, ...settings }
    const message = { id: 'one', timestamp: new Date(), attempts: 1, body }
    const batch = createMessageBatch<typeof body>('fallback-storage-copies', [message])
    await worker.queue(batch as Parameters<typeof worker.queue>[0], own)
    return totalsOf(startCounted(settings), 'copies')
  }

  it('has its copies counted, and reported after the batch', async () => {
    await fill(mediaKv, { b: '12345' })
    expect(await copiesOf({ type: 'copy', name: 'b' })).toEqual({ copied: 1, bytes: 5 })
    expect(await copiesOf({ type: 'copy', name: 'b' })).toEqual({ copied: 1, bytes: 5, present: 1 })
  })

  it('has the copies of a backfill counted', async () => {
    await fill(mediaKv, { b: '12345', c: '123' })
    const start: PageStart = {
      concurrency: 2,
      interval: 0,
      probe: false,
      copiedSince: undefined,
      sources: [],
    }
    const job = { beginPage: async () => start, reportPage: async () => undefined }
    const page: PageMessage = { type: 'page', job: '0'.repeat(15), page: 1, source: 'media_kv', names: [] }
    const names = ['b', 'c'].map((name) => [name, null] as const)
    const jobs = { idFromName: () => '', get: () => job, getByName: () => job }
    expect(await copiesOf({ ...page, names }, { BACKFILL_JOBS: jobs })).toEqual({ copied: 2, bytes: 8 })
  })
})
