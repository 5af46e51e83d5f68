import {
  abortAllDurableObjects,
  createMessageBatch,
  reset,
  runDurableObjectAlarm,
  runInDurableObject,
} from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { EMPTY_ORIGIN, media, mediaKv, OLD, R2, seed, startApp } from '../kit/app.ts'
import worker from '../../src/index.ts'
import { ANSWERS } from '../../src/schemas/answers.ts'
import type { FailurePage } from '../../src/schemas/job-answers.ts'
import { bytesOf } from '../kit/fakes.ts'
import { gzip } from '../kit/gzip.ts'

afterEach(async () => {
  await reset()
})

describe('POST backfills', () => {
  it('copies the objects of a fallback, and reports its progress', async () => {
    const { post, ended, call } = startApp()
    await seed(150)
    const { status, body } = await post('backfills')
    expect(status).toBe(202)
    expect(body).toMatchObject({ state: 'listing', listed: 0, backends: { media_kv: { listed: 0 } } })
    const job = await ended(`backfills/${String(body['id'])}`)
    expect(job).toMatchObject({ state: 'completed', listed: 150, copied: 150, failed: 0 })
    expect(job['finished']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
    expect((await media.head('photos/0042'))?.provenance?.backend).toBe('media_kv')
    expect(await (await call('/photos/0042')).text()).toBe('bytes 42')
  })

  it('names the job in Location, also below a media path', async () => {
    const { call } = startApp({ MEDIA_PATH: '/media/' })
    const response = await call('/media/-/api/backfills', { method: 'POST' })
    const { id } = await response.json<{ id: string }>()
    expect(response.headers.get('Location')).toBe(`/media/-/api/backfills/${id}`)
    expect((await call(response.headers.get('Location') ?? '')).status).toBe(200)
  })

  it('copies the names of a manifest, and lists those that it cannot copy', async () => {
    const { call, ended, get } = startApp()
    await seed(3)
    const response = await call('/-/api/backfills', {
      method: 'POST',
      headers: { 'Content-Type': 'application/x-ndjson' },
      body: '"photos/0000"\n{"name":"photos/0001","size":7}\n\n"photos/none"\n"../x"\n{"file":1}\n',
    })
    expect(response.status).toBe(202)
    const { id } = await response.json<{ id: string }>()
    expect(await ended(`backfills/${id}`)).toMatchObject({
      state: 'completed_with_failures',
      listed: 5,
      copied: 2,
      failed: 3,
    })
    const { failures } = await get(`backfills/${id}/failures`)
    expect(failures).toMatchObject([
      { name: '../x', error: 'invalid', detail: expect.stringMatching(/^row 5: /) as string },
      { name: '{"file":1}', error: 'invalid', detail: expect.stringMatching(/^row 6: /) as string },
      { name: 'photos/none', error: 'absent', backend: 'media_kv' },
    ])
    expect((await get(`backfills/${id}/failures?by=error`))['failures']).toEqual([
      { error: 'invalid', backend: '', count: 2, example: '../x' },
      { error: 'absent', backend: 'media_kv', count: 1, example: 'photos/none' },
    ])
    expect((await get(`backfills/${id}/failures?error=absent`))['failures']).toMatchObject([
      { name: 'photos/none' },
    ])
    expect((await call(`/-/api/backfills/${id}/failures?error=nothing`)).status).toBe(400)
    expect((await call(`/-/api/backfills/${id}/failures?by=name`)).status).toBe(400)
  })

  it('reads a manifest that is an object itself', async () => {
    const { post, ended } = startApp()
    await seed(4)
    const lines = new TextEncoder().encode('photos/0001\r\nphotos/0003\n')
    await mediaKv.put?.('lists/names.txt', lines, { info: { contentType: 'text/plain' } })
    const { body } = await post('backfills', { manifest: 'lists/names.txt' })
    const job = await ended(`backfills/${String(body['id'])}`)
    expect(job).toMatchObject({ state: 'completed', listed: 2, copied: 2, manifest: 'lists/names.txt' })
    expect((await post('backfills', { manifest: 'lists/none.txt' })).status).toBe(400)
  })

  it('reads a manifest from one backend only, if that is named', async () => {
    const { post, ended } = startApp()
    await seed(4)
    await media.put?.('names.csv', bytesOf('name\nphotos/0000\n'))
    await mediaKv.put?.('names.csv', bytesOf('key,size\r\nphotos/0001,7\r\n"photos/0003",7\r\n'))
    const manifest = { backend: 'media_kv', name: 'names.csv' }
    const { body } = await post('backfills', { manifest })
    const job = await ended(`backfills/${String(body['id'])}`)
    expect(job).toMatchObject({ listed: 2, copied: 2, bytes: 14, manifest: 'media_kv:names.csv' })
    expect(job['total']).toEqual({ objects: 2, bytes: 14, exact: true })
    const unknown = await post('backfills', { manifest: { backend: 'other', name: 'names.csv' } })
    expect(unknown.body['detail']).toBe('manifest: there is no backend "other"')
    const missing = await post('backfills', { manifest: { backend: 'media', name: 'none.csv' } })
    expect(missing.body['detail']).toBe('manifest: there is no object "none.csv"')
  })

  it('refuses a manifest that cannot be read, and copies nothing of it', async () => {
    const { call, get } = startApp()
    await seed(3)
    const csv = 'name\nphotos/0000\n"photos/0001'
    const headers = { 'Content-Type': 'text/csv' }
    const response = await call('/-/api/backfills', { method: 'POST', headers, body: csv })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ detail: 'after row 2: a quoted field has no end' })
    expect(await get('backfills')).toMatchObject({ backfills: [{ state: 'cancelled', copied: 0 }] })
  })

  it.each([
    // More than a page of failures.
    ['csv', false, 1_100],
    ['csv', true, 10],
    ['ndjson', true, 10],
  ] as const)(
    'takes the failures of a job, exported as %s (gzipped: %s; %i names and more), as another manifest',
    async (format, isZipped, count) => {
      const { call, ended } = startApp()
      const names = [
        ...Array.from({ length: count }, (_, index) => `gone/${index}.jpg`),
        '=1+1.jpg',
        '@a',
        ' -b ',
        'a, "b".jpg',
        'ünï/😀',
      ]
      const start = async (type: string, body: BodyInit) => {
        const init = { method: 'POST', headers: { 'Content-Type': type }, body }
        const response = await call('/-/api/backfills', init)
        expect(response.status).toBe(202)
        return (await response.json<{ id: string }>()).id
      }
      const first = await start('application/x-ndjson', names.map((name) => JSON.stringify(name)).join('\n'))
      await ended(`backfills/${first}`)
      const exported = await call(`/-/api/backfills/${first}/failures?format=${format}`)
      expect(exported.headers.get('Content-Type')).toMatch(format === 'csv' ? /^text\/csv/ : /ndjson/)
      expect(exported.headers.get('Content-Disposition')).toBe(
        `attachment; filename="backfill-${first}-failures.${format}"`,
      )
      const bytes = new Uint8Array(await exported.arrayBuffer())
      expect(new TextDecoder().decode(bytes)).toMatch(
        format === 'csv' ? /^name,backend,error,detail,attempts\r\n/ : /^\{"name":"/,
      )
      const type = format === 'csv' ? 'text/csv' : 'application/x-ndjson'
      const second = await start(type, isZipped ? await gzip(bytes) : bytes)
      expect(await ended(`backfills/${second}`)).toMatchObject({ listed: names.length, failed: names.length })
      const failed = new Set<string>()
      for (let cursor: string | null = '0'; cursor !== null;) {
        const page = await call(`/-/api/backfills/${second}/failures?limit=1000&cursor=${cursor}`)
        const read: FailurePage = await page.json()
        for (const { name } of read.failures) failed.add(name)
        cursor = read.cursor
      }
      expect([...failed].toSorted()).toEqual(names.toSorted())
    },
  )

  it('exports the failures with one error only, and those of no job not at all', async () => {
    const { call, ended } = startApp()
    const init = { method: 'POST', headers: { 'Content-Type': 'text/plain' }, body: 'none.jpg\n../x\n' }
    const { id } = await (await call('/-/api/backfills', init)).json<{ id: string }>()
    await ended(`backfills/${id}`)
    const csv = await call(`/-/api/backfills/${id}/failures?format=csv&error=absent`)
    expect(await csv.text()).toBe(
      'name,backend,error,detail,attempts\r\nnone.jpg,media_kv,absent,no source has the name,1\r\n',
    )
    expect((await call(`/-/api/backfills/${'0'.repeat(15)}/failures?format=csv`)).status).toBe(404)
    expect((await call(`/-/api/backfills/${id}/failures?format=xml`)).status).toBe(400)
  })

  it.each([
    [{ manifest: { backend: 'media_kv' } }, /manifest/],
    [{ max_concurrency: 0 }, /max_concurrency: must be a whole number from 1 to 1000/],
    [{ max_per_second: -1 }, /max_per_second/],
    [{ backends: ['other'] }, /"other" is not a fallback \(fallbacks: media_kv\)/],
    [{ backends: ['media'] }, /"media" is not a fallback/],
    [{ backend: 'media_kv' }, /backend/],
    [{ dry_run: 'yes' }, /dry_run: must be true or false/],
  ])('refuses %j with a reason', async (options, reason) => {
    const { status, body } = await startApp().post('backfills', options)
    expect(status).toBe(400)
    expect(body['detail']).toMatch(reason)
  })

  it('demands a manifest if no fallback can list', async () => {
    const { json } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: EMPTY_ORIGIN })
    const { status, body } = await json('/-/api/backfills', { method: 'POST' })
    expect(status).toBe(501)
    expect(body['detail']).toMatch(/old cannot list; send the names as a manifest/)
  })

  it('names the missing bindings if there is no Durable Object', async () => {
    const { post } = startApp({ BACKFILL_JOBS: undefined })
    const { status, body } = await post('backfills')
    expect(status).toBe(501)
    expect(body['detail']).toContain('BACKFILL_JOBS')
  })
})

it.each(['backfills', 'verifications'])('answers 404 to an unknown job below %s', async (kind) => {
  const { json } = startApp()
  for (const id of ['nonsense', '0mkq0000000abcd']) {
    const { status, body } = await json(`/-/api/${kind}/${id}`)
    expect([status, body['title']]).toEqual([404, 'There is no such job'])
  }
})

describe('a backfill over HTTP', () => {
  it('pauses, continues after a restart, and counts everything once', async () => {
    const { post, watch, ended } = startApp()
    await seed(120)
    const { body } = await post('backfills', { max_per_second: 60, max_concurrency: 1 })
    const path = `backfills/${String(body['id'])}`
    await watch(path, ({ state }) => state === 'running')
    expect((await post(`${path}/pause`)).body).toMatchObject({ state: 'paused' })
    await abortAllDurableObjects()
    expect(await watch(path, () => true)).toMatchObject({ state: 'paused', listed: 120 })
    expect((await post(`${path}/resume`)).body).toMatchObject({ state: 'running' })
    const job = await ended(path)
    expect(job).toMatchObject({ state: 'completed', listed: 120, failed: 0 })
    expect(Number(job['copied']) + Number(job['present'])).toBe(120)
    expect((await env.MEDIA.list()).objects).toHaveLength(120)
  }, 60_000)

  it('stays cancelled', async () => {
    const { post } = startApp()
    await seed(50)
    const { body } = await post('backfills', { max_per_second: 1 })
    const path = `backfills/${String(body['id'])}`
    expect((await post(`${path}/cancel`)).body).toMatchObject({ state: 'cancelled' })
    expect((await post(`${path}/cancel`)).status).toBe(200)
    for (const action of ['pause', 'resume', 'retry_failed']) {
      const { status, body: problem } = await post(`${path}/${action}`)
      expect([action, status]).toEqual([action, 409])
      expect(problem['detail']).toContain('cancelled')
    }
  })

  it('is listed newest first', async () => {
    const { post, get } = startApp()
    const first = await post('backfills', { dry_run: true })
    await new Promise((resolve) => setTimeout(resolve, 5))
    const second = await post('backfills', { dry_run: true })
    const { backfills } = await get('backfills')
    expect(backfills).toMatchObject([{ id: second.body['id'] }, { id: first.body['id'] }])
  })

  it.each(['backfills/000000000000000', 'backfills/x', 'verifications/000000000000000'])(
    'answers 404 for %s, which is no job',
    async (path) => {
      const { json } = startApp()
      expect((await json(`/-/api/${path}`)).status).toBe(404)
      for (const action of ['pause', 'cancel'])
        expect((await json(`/-/api/${path}/${action}`, { method: 'POST' })).status).toBe(404)
    },
  )

  it('of an earlier version answers 404, and does not continue', async () => {
    const { json } = startApp()
    const job = env.BACKFILL_JOBS.getByName('000000000000001')
    await runInDurableObject(job, (_, { storage }) => {
      storage.kv.put('backfill', { id: '000000000000001', status: 'open', listed: false })
      storage.sql.exec('CREATE TABLE pages (page INTEGER PRIMARY KEY, state TEXT, lease TEXT)')
    })
    expect(await json('/-/api/backfills/000000000000001')).toMatchObject({
      status: 404,
      body: { detail: 'no job of this kind has this id' },
    })
    expect(await job.beginPage(1)).toBeNull()
    await job.handleDeadPage(1, 9)
    expect(await runDurableObjectAlarm(job)).toBe(false)
  })

  it('is protected', async () => {
    const { call } = startApp()
    expect((await call('/-/api/backfills', { method: 'POST', token: null })).status).toBe(401)
    expect(
      (await call('/-/api/backfills/000000000000000/pause', { method: 'POST', token: null })).status,
    ).toBe(401)
    for (const path of ['backfills', 'backfills/000000000000000', 'verifications']) {
      expect((await call(`/-/api/${path}`, { token: null })).status).toBe(401)
      expect((await call(`/-/api/${path}`, { token: 'wrong' })).status).toBe(401)
    }
  })
})

describe('the answers about jobs', () => {
  it('match the OpenAPI document', async () => {
    const { post, ended, get } = startApp()
    await seed(2)
    await media.put?.('only/here', new Uint8Array(1))
    const { body } = await post('backfills', { dry_run: true, max_per_second: 5 })
    v.parse(ANSWERS.getBackfill, await ended(`backfills/${String(body['id'])}`))
    v.parse(ANSWERS.listBackfills, await get('backfills'))
    const backfill = `backfills/${String(body['id'])}`
    v.parse(ANSWERS.listBackfillFailures, await get(`${backfill}/failures`))
    v.parse(ANSWERS.listBackfillFailures, await get(`${backfill}/failures?by=error`))
    v.parse(ANSWERS.getBackfillSeries, await get(`${backfill}/series`))
    const verification = await post('verifications')
    const path = `verifications/${String(verification.body['id'])}`
    v.parse(ANSWERS.getVerification, await ended(path))
    v.parse(ANSWERS.listVerifications, await get('verifications'))
    const page = v.parse(ANSWERS.listDifferences, await get(`${path}/differences`))
    expect(page.differences.map(({ kind }) => kind).toSorted()).toEqual(['extra', 'missing', 'missing'])
  })
})

describe('a poll of a job', () => {
  it.each(['backfills', 'verifications'])('of %s gets 304 until something changes', async (kind) => {
    const { call, post, ended } = startApp()
    await seed(2)
    const { body } = await post(kind)
    const path = `${kind}/${String(body['id'])}`
    const first = await call(`/-/api/${path}`)
    const etag = first.headers.get('ETag') ?? ''
    expect(etag).toMatch(/^W\/"/)
    await ended(path)
    const last = await call(`/-/api/${path}`, { headers: { 'If-None-Match': etag } })
    expect(last.status).toBe(200)
    const known = { headers: { 'If-None-Match': last.headers.get('ETag') ?? '' } }
    const again = await call(`/-/api/${path}`, known)
    expect([again.status, await again.text()]).toEqual([304, ''])
    expect((await call(`/-/api/${path}`, { ...known, token: null })).status).toBe(401)
  })
})

describe('GET dead_copies', () => {
  it('lists the copies that failed for good, and why', async () => {
    const { get } = startApp()
    const message = { id: '1', timestamp: new Date(), attempts: 6, body: { type: 'copy', name: 'clip.mp4' } }
    const batch = createMessageBatch('fallback-storage-copies', [message])
    const unreachable = { type: 'http', url: 'http://127.0.0.1:1/', name: 'legacy' }
    const storages = [{ type: 'r2', binding: 'MEDIA' }, unreachable]
    await worker.queue(batch as never, { ...env, FALLBACK_STORAGES: storages } as never)
    const { dead_copies: dead } = v.parse(ANSWERS.listDeadCopies, await get('dead_copies'))
    expect(dead).toMatchObject([{ name: 'clip.mp4', error: 'unavailable', attempts: 6 }])
  })
})
