import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, inject, it } from 'vitest'
import { copyEntry } from '../../src/jobs/backfill/copy-entry.ts'
import { consumeChanges } from '../../src/mirrors/consumer.ts'
import type { Mirrors } from '../../src/mirrors/mirrors.ts'
import type { Backend, WritableBackend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { isSameRepresentation } from '../../src/storage/same-object.ts'
import { answering, fill, R2 } from '../kit/app.ts'
import { eventually } from '../kit/eventually.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { sampled } from '../kit/sample.ts'
import { follow, messageOf, ownLog, passTime, rowsOf } from '../mirrors/kit.ts'
import { codeOf, startUploads } from '../s3-api/uploads.ts'
import { connectEmpty } from './server.ts'

const HEADERS = {
  'Content-Type': 'text/markdown',
  'Cache-Control': 'max-age=7',
  'Content-Language': 'de',
  'x-amz-meta-by': 'Ada',
}
const LAST_MODIFIED = 'Wed, 01 May 2024 12:00:00 GMT'

/** Every name that begins with `old/`. */
const ORIGIN = answering(({ url }) => {
  const { pathname } = new URL(url)
  if (!pathname.includes('/old/')) return new Response(null, { status: 404 })
  const text = `bytes of ${pathname}`
  const headers = { 'Content-Type': 'text/plain', 'Last-Modified': LAST_MODIFIED, ETag: '"origin-1"' }
  return new Response(text, { headers: { ...headers, 'Content-Length': `${text.length}` } })
})

const MIRRORS = {
  r2: () => ({ type: 'r2', binding: 'MEDIA', prefix: 'mirror/' }),
  kv: () => ({ type: 'kv', binding: 'MEDIA_KV' }),
  s3: () => {
    const { endpoint, region } = inject('s3')
    return { type: 's3', endpoint, region, bucket: 'mirrors', credentials: 'MIRROR' }
  },
}

function start(type: keyof typeof MIRRORS, settings: Record<string, unknown> = {}, mirror: unknown = true) {
  const { namespace, log } = ownLog()
  const { accessKeyId, secretAccessKey } = inject('s3').credentials
  const site = startUploads({
    MIRROR_LOG: namespace,
    MIRROR_ACCESS_KEY_ID: accessKeyId,
    MIRROR_SECRET_ACCESS_KEY: secretAccessKey,
    ORIGIN,
    FALLBACK_STORAGES: [
      { ...R2, name: 'new', prefix: 'primary/' },
      { ...MIRRORS[type](), name: 'old', mirror },
      { type: 'http', binding: 'ORIGIN', name: 'origin' },
    ],
    ...settings,
  })
  const { mirrors } = site.deployment
  const [target] = mirrors?.backends ?? []
  const [source] = mirrors?.sources.backends ?? []
  if (!mirrors || !target || !source) throw new Error('there is no mirror')
  return { ...site, log, mirrors, target, source }
}

type Site = ReturnType<typeof start>

async function expectEqual(
  { mirrors, source, target }: Pick<Site, 'mirrors' | 'source' | 'target'>,
  name: string,
) {
  await follow(mirrors)
  const [one, other] = await Promise.all([source.get(name), target.get(name)])
  if (!one || !other) throw new Error(`${name} is missing`)
  const { etag, modified, size } = one
  expect(other).toMatchObject({ size, provenance: { backend: 'new', etag, modified } })
  expect({ etag: other.etag, modified: other.modified }).toEqual({ etag, modified })
  expect(isSameRepresentation(one, other)).toBe(true)
  expect(await textOf(other)).toBe(await textOf(one))
}

const put = ({ call }: Site, name: string, text = 'hello') =>
  call(`/${name}`, { method: 'PUT', body: text, headers: HEADERS })

/** Each returns the name that was stored. */
const STORED: Record<string, (site: Site, name: string) => Promise<string>> = {
  async PUT(site, name) {
    expect((await put(site, name)).status).toBe(201)
    return name
  },
  async 'PUT over an object'(site, name) {
    await put(site, name, 'older')
    await follow(site.mirrors)
    expect((await put(site, name)).status).toBe(204)
    return name
  },
  async save(site, name) {
    await put(site, name)
    const { status, body } = await site.json(`/-/api/save/${name}`, {
      method: 'POST',
      body: 'saved',
      headers: HEADERS,
    })
    expect(status).toBe(201)
    expect(body['name']).not.toBe(name)
    return String(body['name'])
  },
  async 'an S3 PutObject'(site, name) {
    const answer = await site.s3('PUT', site.on(name), {
      body: 'by a client',
      headers: { 'content-type': 'text/css' },
    })
    expect(answer.status).toBe(200)
    return name
  },
  async 'an S3 multipart upload'(site, name) {
    const id = await site.create(name, { 'content-type': 'video/mp4', 'x-amz-meta-by': 'Ada' })
    const etag = await site.part(name, id, 1, bytesOf('in parts'))
    expect(await codeOf(site.complete(name, id, [etag]))).toBe('200')
    return name
  },
  async 'an S3 CopyObject'(site, name) {
    await put(site, `${name}-source`)
    const headers = { 'x-amz-copy-source': `/media/${encodeURIComponent(`${name}-source`)}` }
    expect((await site.s3('PUT', site.on(name), { headers })).status).toBe(200)
    return name
  },
  async 'a read that copies'(site, name) {
    await (await site.call(`/old/${name}`)).text()
    await eventually(
      () => 'the copy',
      () => site.source.head(`old/${name}`),
    )
    return `old/${name}`
  },
  async 'POST migrate'(site, name) {
    const { body } = await site.post('migrate', { names: [`old/${name}`] })
    expect(body).toMatchObject({ results: [{ outcome: 'copied' }] })
    return `old/${name}`
  },
  async 'a copy of a backfill'(site, name) {
    const sources = { sources: ['origin'], copiedSince: undefined }
    const outcome = await copyEntry(site.deployment.copyChain, 'origin', [`old/${name}`, null], sources)
    expect(outcome).toMatchObject({ what: 'copied' })
    return `old/${name}`
  },
  async 'a PUT after a DELETE'(site, name) {
    await put(site, name, 'older')
    await site.remove(name)
    await follow(site.mirrors)
    await put(site, name)
    return name
  },
}

const DELETED: Record<string, (site: Site, name: string) => Promise<unknown>> = {
  DELETE: (site, name) => site.call(`/${name}`, { method: 'DELETE' }),
  async 'a conditional DELETE'({ call }, name) {
    const headers = { 'If-Match': (await call(`/${name}`, { method: 'HEAD' })).headers.get('ETag') ?? '' }
    expect((await call(`/${name}`, { method: 'DELETE', headers })).status).toBe(204)
  },
  'an S3 DeleteObject': (site, name) => site.s3('DELETE', site.on(name)),
  async 'an S3 DeleteObjects'(site, name) {
    const body = `<Delete><Object><Key>${name}</Key></Object></Delete>`
    const digest = new Uint8Array(await crypto.subtle.digest('MD5', bytesOf(body)))
    const headers = { 'content-md5': digest.toBase64() }
    expect((await site.s3('POST', '/media', { query: { delete: '' }, headers, body })).status).toBe(200)
  },
}

beforeAll(() => connectEmpty('mirrors'))

describe.each(Object.keys(MIRRORS) as (keyof typeof MIRRORS)[])('a mirror in %s', (type) => {
  const settings = { FALLBACK_DATA_MIGRATION: true }
  /** The path of a change is the same for each type. */
  const some = <Row>(rows: readonly Row[]): readonly Row[] => (type === 's3' ? rows : sampled(rows, 4))

  it.each(some(Object.entries(STORED)))('follows %s', async (what, make) => {
    const site = start(type, settings)
    const name = await make(site, `${type}-${what.replaceAll(' ', '-')}`)
    await expectEqual(site, name)
    expect((await site.call(`/${name}`)).headers.get('Cache-Status')).toContain('detail=new')
  })

  it.each(some(Object.entries(DELETED)))('follows %s', async (what, remove) => {
    const site = start(type)
    const name = `${type}-${what.replaceAll(' ', '-')}`
    await put(site, name)
    await expectEqual(site, name)
    await remove(site, name)
    await follow(site.mirrors)
    expect(await site.target.head(name)).toBeNull()
    expect((await site.call(`/${name}`)).status).toBe(404)
  })

  it('keeps what was deleted, if it is to', async () => {
    const site = start(type, {}, 'keep-deleted')
    const name = `${type}-kept`
    await put(site, name)
    await expectEqual(site, name)
    await site.remove(name)
    await follow(site.mirrors)
    expect(await textOf(await site.target.get(name))).toBe('hello')
    expect((await site.call(`/${name}`)).status).toBe(404)
    // It is still behind the tombstone, which is therefore needed.
    const { body } = await site.post('tombstones/purge', { prefix: name })
    expect(body).toMatchObject({ purged: 0, kept: 1 })
    expect((await site.post(`undelete/${name}`)).body).toMatchObject({ restored: true, backend: 'old' })
    expect(await (await site.call(`/${name}`)).text()).toBe('hello')
  })

  it('is left alone by undelete and purge', async () => {
    const site = start(type)
    const name = `old/${type}-undeleted`
    await put(site, name)
    await site.remove(name)
    await follow(site.mirrors)
    expect((await site.post(`undelete/${name}`)).body).toMatchObject({ restored: true, backend: 'origin' })
    await follow(site.mirrors)
    expect(await site.target.head(name)).toBeNull()

    const gone = `${type}-purged`
    await put(site, gone)
    await follow(site.mirrors)
    await site.remove(gone)
    // The mirror still has it.
    expect((await site.post('tombstones/purge', { prefix: gone })).body).toMatchObject({ purged: 0 })
    await follow(site.mirrors)
    await settled(site)
    expect((await site.post('tombstones/purge', { prefix: gone })).body).toMatchObject({ purged: 1 })
    expect([await site.source.head(gone), await site.target.head(gone)]).toEqual([null, null])
    await follow(site.mirrors)
    expect((await site.call(`/${gone}`)).status).toBe(404)
  })

  it('follows what a writer changed that died', async () => {
    const site = start(type)
    const name = `${type}-died`
    const id = await site.log().begin(name, ['old'])
    expect(id).toEqual(expect.any(Number))
    await fill(site.source, { [name]: 'by the dead' })
    await passTime(site.log())
    await follow(site.mirrors)
    expect(await textOf(await site.target.get(name))).toBe('by the dead')
  })

  it('catches up after it failed, with reads and writes unaffected meanwhile', async () => {
    const site = start(type)
    const name = `${type}-failing`
    const broken = withBroken(site.mirrors, site.target)
    expect((await put(site, name)).status).toBe(201)
    expect(await (await site.call(`/${name}`)).text()).toBe('hello')
    for (let attempt = 0; attempt < 6; attempt++) await deliver(site, broken, name)
    expect(await site.get('mirrors')).toMatchObject({
      mirrors: [
        { name: 'old', pending: 1, failed: 1, failures: [{ name, error: 'unavailable', attempts: 6 }] },
      ],
    })
    await passTime(site.log())
    await expectEqual(site, name)
    expect(await site.get('mirrors')).toMatchObject({
      mirrors: [{ pending: 0, failed: 0, oldest_pending_seconds: null, last_resync: null, failures: [] }],
    })
  })

  it('does not mind messages that are repeated or in disorder, or consumers at the same time', async () => {
    const site = start(type)
    const names = ['a', 'b', 'c'].map((letter) => `${type}-disorder-${letter}`)
    const changes = names.flatMap((name) => [
      () => put(site, name, 'one'),
      () => site.remove(name),
      () => put(site, name, 'two'),
    ])
    const consumers = (): Promise<unknown> =>
      Promise.all(
        [names, names.toReversed(), [...names, ...names]].map((some) =>
          consumeChanges(some.map(messageOf), site.mirrors),
        ),
      )
    for (const change of changes) await Promise.all([change(), consumers()])
    for (const name of names) {
      await expectEqual(site, name)
      expect(await textOf(await site.target.get(name))).toBe('two')
    }
  })

  it('is made the primary, and the primary its mirror', async () => {
    const site = start(type)
    const [kept, gone, late] = ['kept', 'gone', 'late'].map((what) => `${type}-flip-${what}`)
    if (!kept || !gone || !late) throw new Error('no names')
    for (const name of [kept, gone]) await put(site, name)
    await site.remove(gone)
    await follow(site.mirrors)
    await settled(site)
    const flipped = start(type, {
      FALLBACK_STORAGES: [
        { ...MIRRORS[type](), name: 'old', read_only: false },
        { ...R2, name: 'new', prefix: 'primary/', mirror: true },
      ],
    })
    expect(await (await flipped.call(`/${kept}`)).text()).toBe('hello')
    expect((await flipped.call(`/${gone}`)).status).toBe(404)
    await put(flipped, late, 'after the flip')
    await put(flipped, gone, 'again')
    await flipped.remove(kept)
    await follow(flipped.mirrors)
    expect(await textOf(await flipped.target.get(late))).toBe('after the flip')
    expect(await textOf(await flipped.target.get(gone))).toBe('again')
    expect(await flipped.target.head(kept)).toBeNull()
  })
})

describe('the KV mirror', () => {
  it('removes what is out of date if the new object is too large for it, and counts that', async () => {
    const site = start('kv')
    await put(site, 'kv-grows')
    await expectEqual(site, 'kv-grows')
    const large = new Uint8Array(25 * 1024 * 1024 + 1)
    expect((await site.call('/kv-grows', { method: 'PUT', body: large })).status).toBe(204)
    await follow(site.mirrors)
    expect(await site.get('mirrors')).toMatchObject({ mirrors: [{ name: 'old', pending: 0, skipped: 1 }] })
    expect(await site.target.head('kv-grows')).toBeNull()
  })
})

describe('a chain without mirrors', () => {
  it('has none to show, and removes what is left of earlier ones at the second look, some minutes later', async () => {
    const { namespace, log } = ownLog()
    const { get, deployment } = startUploads({ MIRROR_LOG: namespace, FALLBACK_STORAGES: [R2] })
    expect(await get('mirrors')).toEqual({ mirrors: [] })
    const id = await log().begin('left', ['old'])
    await log().settle(id ?? 0, 'left', ['old'])
    if (!deployment.mirrors) throw new Error('there is no log')
    await consumeChanges([messageOf('left')], deployment.mirrors)
    expect(await rowsOf(log())).toMatchObject([{ name: 'left', recheck: 2 }])
    await passTime(log())
    await consumeChanges([messageOf('left')], deployment.mirrors)
    expect(await rowsOf(log())).toEqual([])
  })

  it('writes nothing while the log of a mirror cannot be reached', async () => {
    const unreachable = () => ({ begin: () => Promise.reject(new Error('overloaded')) })
    const namespace = { idFromName: () => '', get: unreachable, getByName: unreachable }
    const { json } = startUploads({
      MIRROR_LOG: namespace,
      FALLBACK_STORAGES: [
        { ...R2, prefix: 'primary/' },
        { type: 'kv', binding: 'MEDIA_KV', mirror: true },
      ],
    })
    const { status, body } = await json('/unlogged', { method: 'PUT', body: 'x' })
    expect({ status, detail: body['detail'] }).toMatchObject({ status: 502 })
    expect(await env.MEDIA.head('primary/unlogged')).toBeNull()
  })
})

function withBroken(mirrors: Mirrors, target: WritableBackend): Mirrors {
  const fail: Backend['head'] = () =>
    Promise.reject(new StorageError('unavailable', 'is down', { backend: target.name }))
  return { ...mirrors, backends: [{ ...target, head: fail }] }
}

async function deliver({ log }: Site, mirrors: Mirrors, name: string): Promise<void> {
  const taken = async (): Promise<true | null> => {
    const [before] = await rowsOf(log())
    await consumeChanges([messageOf(name)], mirrors)
    const [after] = await rowsOf(log())
    return (after?.attempts ?? 0) > (before?.attempts ?? 0) ? true : null
  }
  await eventually(() => 'a failed attempt', taken)
  await passTime(log())
}

/** Also what is checked a second time. */
async function settled({ log, mirrors }: Site): Promise<void> {
  await passTime(log())
  const rows = await rowsOf(log())
  await consumeChanges(
    rows.map(({ name }) => messageOf(name)),
    mirrors,
  )
  expect(await rowsOf(log())).toEqual([])
}
