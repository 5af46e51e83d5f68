import { env } from 'cloudflare:workers'
import { reset, runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { expireVersions } from '../../src/prior-versions/expire.ts'
import { runScheduled } from '../../src/scheduled.ts'
import { convergeTaken } from '../../src/mirrors/consumer.ts'
import { fill, KV, media, mediaKv, R2 } from '../kit/app.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { bucketWith } from '../kit/app.ts'
import { BUCKET, startS3 } from '../kit/s3-client.ts'

interface Version {
  time: string
  reason: string
  backend: string
  size: number
}

const CHAINS = {
  'R2 alone': [R2],
  'R2 and a fallback': [R2, KV],
  'KV and a fallback': [
    { ...KV, read_only: false },
    { ...R2, read_only: true },
  ],
  'R2 with filters and a prefix': [{ ...R2, prefix: 'site/', include: '^photos/' }, KV],
}

const NAME = 'photos/a b.txt'
const PATH = encodeURI(NAME)

beforeEach(() => reset())

function start(settings: Record<string, unknown> = {}) {
  const started = startS3({ FALLBACK_KEEP_REPLACED_DAYS: 30, FALLBACK_STORAGES: [R2, KV], ...settings })
  const { call, get, post } = started
  const put = (body: string, headers: Record<string, string> = {}) =>
    call(`/${PATH}`, { method: 'PUT', body, headers })
  const remove = () => call(`/${PATH}`, { method: 'DELETE' })
  const text = async (): Promise<string> => {
    const answer = await call(`/${PATH}`)
    return answer.ok ? answer.text() : `${answer.status}`
  }
  const versions = async (): Promise<Version[]> =>
    (await get(`prior_versions/${PATH}`))['versions'] as Version[]
  const restore = (body?: object) => post(`restore/${PATH}`, body)
  return { ...started, put, remove, text, versions, restore }
}

describe.each(Object.entries(CHAINS))('over %s', (_, storages) => {
  it('a replaced version is listed and restored, and what it replaces is kept as well', async () => {
    const { put, text, versions, restore } = start({ FALLBACK_STORAGES: storages })
    await put('one')
    expect(await versions()).toEqual([])
    await put('two!')
    expect(await versions()).toMatchObject([{ reason: 'replaced', size: 3, backend: expect.any(String) }])
    expect(await restore()).toMatchObject({ status: 200, body: { name: NAME, size: 3 } })
    expect(await text()).toBe('one')
    expect((await versions()).map(({ size }) => size)).toEqual([4, 3])
  })

  it('a deleted object is restored', async () => {
    const { put, remove, text, versions, restore } = start({ FALLBACK_STORAGES: storages })
    await put('one')
    expect((await remove()).status).toBe(204)
    expect(await text()).toBe('404')
    const [version] = await versions()
    expect(version).toMatchObject({ reason: 'deleted', size: 3 })
    expect((await restore()).body).toEqual({ name: NAME, restored_time: version?.time, size: 3 })
    expect(await text()).toBe('one')
  })

  it('one of several versions is restored by its time', async () => {
    const { put, text, versions, restore } = start({ FALLBACK_STORAGES: storages })
    for (const body of ['1', '22', '333', '4444']) await put(body)
    const listed = await versions()
    expect(listed.map(({ size }) => size)).toEqual([3, 2, 1])
    expect((await restore({ time: listed[1]?.time })).status).toBe(200)
    expect(await text()).toBe('22')
    expect((await restore({ time: '2020-01-01T00:00:00.000Z' })).status).toBe(404)
    for (const time of ['yesterday', '2026-11-28T00:00:00+05'])
      expect((await restore({ time })).status).toBe(400)
  })
})

describe('restore', () => {
  it('is 404 if nothing was kept', async () => {
    const { restore } = start()
    expect(await restore()).toMatchObject({ status: 404 })
  })

  it('brings back the metadata, and the object counts as saved', async () => {
    const { put, remove, restore, call } = start()
    const info = { provenance: { backend: 'media_kv', copied: new Date() }, etag: '"of-the-source"' }
    await media.put?.(NAME, bytesOf('copy'), { info: { ...info, contentType: 'image/x-old' } })
    await remove()
    await restore()
    expect(await media.head(NAME)).not.toHaveProperty('provenance')
    await put('new', { 'Content-Type': 'text/x-new', 'x-amz-meta-by': 'someone' })
    await remove()
    await restore()
    const answer = await call(`/${PATH}`)
    expect(answer.headers.get('Content-Type')).toBe('text/x-new')
    expect(answer.headers.get('x-amz-meta-by')).toBe('someone')
  })

  it('replaces a tombstone in front of a fallback that still has the object', async () => {
    const { put, remove, restore, text, json } = start()
    await fill(mediaKv, { [NAME]: 'of the fallback' })
    await put('mine')
    await remove()
    expect(await text()).toBe('404')
    await restore()
    expect(await text()).toBe('mine')
    expect((await json('/-/api/tombstones')).body).toMatchObject({ tombstones: [] })
  })

  it('is 404 if the version has been removed from the bucket', async () => {
    const { put, restore, text } = start()
    await put('one')
    await put('two')
    for (const { key } of (await env.MEDIA.list({ prefix: '.trash/' })).objects) await env.MEDIA.delete(key)
    expect(await restore()).toMatchObject({ status: 404 })
    expect(await text()).toBe('two')
  })

  it('says so if the backend that has the version is not writable any more', async () => {
    const { put } = start()
    await put('one')
    await put('two')
    const { restore } = start({
      FALLBACK_STORAGES: [
        { ...KV, read_only: false },
        { ...R2, read_only: true },
      ],
    })
    expect(await restore()).toMatchObject({
      status: 501,
      body: { detail: expect.stringContaining('media') },
    })
  })

  it('still works after the setting is turned off', async () => {
    const { put } = start()
    await put('one')
    await put('two')
    const { restore, text, versions } = start({ FALLBACK_KEEP_REPLACED_DAYS: 0 })
    await restore()
    expect(await text()).toBe('one')
    expect(await versions()).toHaveLength(1)
  })

  it('needs the scope write', async () => {
    const tokens = [{ name: 'reader', token: 'reader-token-0123456789', scopes: ['read'] }]
    const { call } = start({ API_TOKENS: JSON.stringify(tokens) })
    const token = 'reader-token-0123456789'
    expect((await call(`/-/api/prior_versions/${PATH}`, { token })).status).toBe(403)
    expect((await call(`/-/api/restore/${PATH}`, { token, method: 'POST' })).status).toBe(403)
  })

  it('says what is missing without JOB_INDEX', async () => {
    const { restore } = start({ FALLBACK_KEEP_REPLACED_DAYS: 0, JOB_INDEX: undefined })
    expect(await restore()).toMatchObject({
      status: 501,
      body: { detail: expect.stringContaining('JOB_INDEX') },
    })
    const misconfigured = () => start({ JOB_INDEX: undefined })
    expect(misconfigured).toThrow('FALLBACK_KEEP_REPLACED_DAYS')
  })
})

describe('with a mirror', () => {
  it('a restore is repeated there, and prior versions are not', async () => {
    const mirror = { ...KV, read_only: false, mirror: true }
    const COPY_QUEUE = { send: async () => {}, sendBatch: async () => {} }
    const { put, remove, restore, deployment } = start({ FALLBACK_STORAGES: [R2, mirror], COPY_QUEUE })
    const follow = async (): Promise<void> => {
      const { mirrors } = deployment
      if (!mirrors) throw new Error('MIRROR_LOG is not bound')
      for (const taken of await mirrors.log().take([NAME])) await convergeTaken(taken, mirrors)
    }
    await put('one')
    await put('two')
    await follow()
    expect(await textOf(await mediaKv.get(NAME))).toBe('two')
    await remove()
    await follow()
    expect(await mediaKv.get(NAME)).toBeNull()
    await restore()
    await follow()
    expect(await textOf(await mediaKv.get(NAME))).toBe('two')
    expect((await env.MEDIA_KV.list()).keys.map(({ name }) => name)).toEqual([NAME])
    expect((await env.MEDIA.list({ prefix: '.trash/' })).objects).toHaveLength(2)
  })
})

describe('writes of S3 clients', () => {
  it('keep what they replace and delete', async () => {
    const { s3, versions } = start()
    const path = `/${BUCKET}/${PATH}`
    await s3('PUT', path, { body: '1' })
    await s3('PUT', path, { body: '22' })
    await s3('DELETE', path)
    await s3('PUT', path, { body: '333' })
    const created = await (await s3('POST', path, { query: { uploads: '' } })).text()
    const uploadId = /<UploadId>(.+)<\/UploadId>/.exec(created)?.[1] ?? ''
    const part = await s3('PUT', path, { query: { partNumber: '1', uploadId }, body: '4444' })
    const etag = part.headers.get('ETag') ?? ''
    const list = `<Part><PartNumber>1</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`
    const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`
    expect((await s3('POST', path, { query: { uploadId }, body })).status).toBe(200)
    expect(
      (await s3('PUT', path, { headers: { 'x-amz-copy-source': `/${BUCKET}/photos/none` } })).status,
    ).toBe(404)
    expect((await versions()).map(({ size, reason }) => [size, reason])).toEqual([
      [3, 'replaced'],
      [2, 'deleted'],
      [1, 'replaced'],
    ])
  })

  it('keep each of many names that are deleted at once', async () => {
    const { s3, get } = start({ FALLBACK_STORAGES: [R2] })
    const names = Array.from({ length: 30 }, (_, index) => `n/${index}`)
    await fill(media, Object.fromEntries(names.map((name) => [name, name])))
    const body = `<Delete>${names.map((name) => `<Object><Key>${name}</Key></Object>`).join('')}</Delete>`
    const digest = await crypto.subtle.digest('MD5', bytesOf(body))
    const headers = { 'content-md5': new Uint8Array(digest).toBase64() }
    const answer = await s3('POST', `/${BUCKET}`, { query: { delete: '' }, body, headers })
    expect(await answer.text()).not.toContain('<Error>')
    for (const name of names)
      expect(await get(`prior_versions/${name}`)).toMatchObject({ versions: [{ reason: 'deleted' }] })
    expect(await get('list/')).toMatchObject({ objects: [] })
  })
})

describe('a lock on the bucket', () => {
  const LOCKED = 'put: The object is locked by the bucket policy. (10069)'
  const lockedBelow = (prefix: string) =>
    bucketWith({
      async put(key: string, value: ReadableStream, options?: R2PutOptions) {
        if (key.startsWith(prefix)) throw new Error(LOCKED)
        return env.MEDIA.put(key, value, options) as never
      },
    })

  it.each([
    ['the object', 'photos/', 409],
    ['the trash', '.trash/', 409],
  ])('that protects %s refuses the write, and nothing changes', async (_, prefix, status) => {
    await fill(media, { [NAME]: 'old' })
    const { put, remove, text, versions } = start({ MEDIA: lockedBelow(prefix) })
    expect((await put('new')).status).toBe(status)
    expect((await remove()).status).toBe(status)
    expect(await text()).toBe('old')
    expect(await versions()).toEqual([])
    expect((await env.MEDIA.list({ prefix: '.trash/' })).objects).toEqual([])
  })
})

describe('expiry', () => {
  const DAY = 24 * 60 * 60_000

  it('removes what is older, from the bucket and from the list, and nothing else', async () => {
    const { put, remove, versions, deployment } = start()
    await put('one')
    await put('two')
    await remove()
    const { priorVersions } = deployment
    if (!priorVersions) throw new Error('JOB_INDEX is not bound')
    await fill(media, { '.trash/1999': 'x', '.trash/2 pages': 'x', '.trash/z': 'x' })
    const keys = async () => (await env.MEDIA.list({ prefix: '.trash/' })).objects.map(({ key }) => key)
    await expireVersions(priorVersions, 30, Date.now() + 30 * DAY - 60_000)
    expect(await versions()).toHaveLength(2)
    await expireVersions(priorVersions, 0, Date.now() + 1000 * DAY)
    expect(await versions()).toHaveLength(2)
    await expireVersions(priorVersions, 30, Date.now() + 30 * DAY + 60_000)
    expect(await versions()).toEqual([])
    expect(await keys()).toEqual(['.trash/1999', '.trash/2 pages', '.trash/z'])
  })

  it('is started by the cron trigger', async () => {
    const old = '.trash/2020-01-02T03-04-05.678Z/a.txt'
    await fill(media, { [old]: 'old', 'b.txt': 'b' })
    await runScheduled(start({ FALLBACK_KEEP_REPLACED_DAYS: 0 }).deployment)
    expect(await env.MEDIA.head(old)).not.toBeNull()
    await runScheduled(start().deployment)
    expect((await env.MEDIA.list()).objects.map(({ key }) => key)).toEqual(['b.txt'])
  })

  it('leaves what cannot be deleted, in the bucket and in the list, for the next run', async () => {
    let isLocked = true
    const MEDIA = bucketWith({
      async delete(keys: string | string[]) {
        if (isLocked) throw new Error('delete: The object is locked by the bucket policy. (10069)')
        return env.MEDIA.delete(keys)
      },
    })
    const { put, versions, deployment } = start({ MEDIA })
    await put('one')
    await put('two')
    const { priorVersions } = deployment
    if (!priorVersions) throw new Error('JOB_INDEX is not bound')
    const later = Date.now() + 31 * DAY
    await expireVersions(priorVersions, 30, later)
    expect(await versions()).toHaveLength(1)
    isLocked = false
    await expireVersions(priorVersions, 30, later)
    expect(await versions()).toEqual([])
    expect((await env.MEDIA.list()).objects.map(({ key }) => key)).toEqual([NAME])
  })
})

it('keeps the index across restarts of the Durable Object', async () => {
  const { put, versions } = start()
  await put('one')
  await put('two')
  const stub = env.JOB_INDEX.getByName('index')
  await runInDurableObject(stub, (_, state) => state.abort()).catch(() => {})
  expect(await versions()).toHaveLength(1)
  expect(await textOf(await media.get(NAME))).toBe('two')
})
