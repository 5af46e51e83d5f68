import { env } from 'cloudflare:workers'
import { reset } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { kvBackend } from '../../src/backends/kv/kv.ts'
import { r2Backend } from '../../src/backends/r2/r2.ts'
import { createWalk } from '../../src/jobs/walk.ts'
import { withHiddenVersions } from '../../src/prior-versions/hide.ts'
import { type Backend, isListable, type ListOptions, type ListPage } from '../../src/storage/backend.ts'
import { whyInvalid } from '../../src/storage/name.ts'
import { fill, KV, media, R2 } from '../kit/app.ts'
import { bytesOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { BUCKET, startS3 } from '../kit/s3-client.ts'

const KEPT = '.trash/2026-11-28T22-15-00.000Z/a.txt'
const SETTINGS = { FALLBACK_STORAGES: [R2, { ...KV, read_only: true }], FALLBACK_DATA_MIGRATION: true }

beforeEach(async () => {
  await reset()
  await fill(media, { [KEPT]: 'deleted', 'b.txt': 'b' })
})

const READS: [string, number][] = [
  [`/${KEPT}`, 404],
  [`/-/api/open/${KEPT}`, 404],
  [`/-/api/preview/${KEPT}`, 404],
  [`/-/api/size/${KEPT}`, 404],
  [`/-/api/modified_time/${KEPT}`, 404],
  [`/-/api/created_time/${KEPT}`, 404],
  [`/-/api/accessed_time/${KEPT}`, 404],
]

/** `on`: while versions are kept. They stay hidden when the setting is turned off. */
describe.each([
  ['on', 30],
  ['off', 0],
])('with FALLBACK_KEEP_REPLACED_DAYS %s, a prior version', (_, days) => {
  const start = () => startS3({ ...SETTINGS, FALLBACK_KEEP_REPLACED_DAYS: days })

  it.each(READS)('is not found by GET %s', async (path, status) => {
    const { call } = start()
    expect((await call(path)).status).toBe(status)
    expect((await call(path, { headers: { Range: 'bytes=0-1' } })).status).toBe(status)
    expect((await call(path, { method: 'HEAD' })).status).toBe(status)
  })

  it('does not exist', async () => {
    const { get, post } = start()
    expect(await get(`exists/${KEPT}`)).toMatchObject({ exists: false })
    expect((await post('exists', { names: [KEPT, 'b.txt'] })).body).toEqual({
      exists: { [KEPT]: false, 'b.txt': true },
    })
    expect(await get(`explain/${KEPT}`)).toMatchObject({ would_serve: null })
  })

  it.each([
    'list/',
    'list/?delimiter=/',
    'list/.',
    'list/.trash/',
    'list/.trash/2',
    'list/.trash/?delimiter=/',
  ])('is not listed by GET %s', async (route) => {
    const { objects, directories, cursor } = await start().get(route)
    const names = (objects as { name: string }[]).map(({ name }) => name)
    expect(names.filter((name) => name !== 'b.txt')).toEqual([])
    expect([directories, cursor]).toEqual([[], null])
  })

  it.each(['listdir/', 'listdir/.trash', 'listdir/.trash/2026-11-28T22-15-00.000Z'])(
    'is not listed by GET %s',
    async (route) => {
      const { directories, files } = await start().get(route)
      expect([directories, (files as string[]).filter((name) => name !== 'b.txt')]).toEqual([[], []])
    },
  )

  it.each(['PUT', 'DELETE'])('cannot be changed by %s', async (method) => {
    const { call } = start()
    const answer = await call(`/${KEPT}`, { method, ...(method === 'PUT' && { body: 'x' }) })
    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({ detail: expect.stringContaining('reserved') })
    expect(await env.MEDIA.head(KEPT)).toMatchObject({ size: 7 })
  })

  it('cannot be saved, deleted by the API, undeleted or migrated', async () => {
    const { call, post } = start()
    expect((await call(`/-/api/save/${KEPT}`, { method: 'POST', body: 'x' })).status).toBe(400)
    expect((await call(`/-/api/delete/${KEPT}`, { method: 'DELETE' })).status).toBe(400)
    expect((await post(`undelete/${KEPT}`)).status).toBe(404)
    expect((await post(`restore/${KEPT}`)).status).toBe(404)
    expect((await post('migrate', { names: [KEPT] })).body).toMatchObject({
      results: [{ outcome: 'absent' }],
    })
    expect(await env.MEDIA.head(KEPT)).toMatchObject({ size: 7 })
  })

  it('is hidden from S3 clients, too', async () => {
    const { s3 } = start()
    const path = `/${BUCKET}/${KEPT}`
    expect((await s3('GET', path)).status).toBe(404)
    expect((await s3('HEAD', path)).status).toBe(404)
    expect((await s3('PUT', path, { body: 'x' })).status).toBe(400)
    expect((await s3('DELETE', path)).status).toBe(400)
    const copy = { headers: { 'x-amz-copy-source': path } }
    expect((await s3('PUT', `/${BUCKET}/c.txt`, copy)).status).toBe(404)
    expect((await s3('POST', path, { query: { uploads: '' } })).status).toBe(400)
    for (const query of [{ 'list-type': '2' }, { 'list-type': '2', delimiter: '/' }, { prefix: '.trash/' }]) {
      const listed = await (await s3('GET', `/${BUCKET}`, { query })).text()
      expect(listed).not.toMatch(/<CommonPrefixes>|<Key>\.trash/)
    }
    expect(await env.MEDIA.head(KEPT)).toMatchObject({ size: 7 })
  })
})

async function listAll(backend: Backend, options: ListOptions): Promise<ListPage> {
  const all: ListPage = { objects: [], directories: [] }
  let cursor: string | undefined
  do {
    const page = await backend.list?.({ ...options, ...(cursor !== undefined && { cursor }) })
    all.objects.push(...(page?.objects ?? []))
    all.directories.push(...(page?.directories ?? []))
    cursor = page?.cursor
  } while (cursor !== undefined)
  return all
}

const STORES: Record<string, () => Backend> = {
  R2: () => r2Backend('media', env.MEDIA),
  KV: () => kvBackend('media_kv', env.MEDIA_KV),
  memory: () => memoryBackend('memory'),
}

describe.each(Object.entries(STORES))('a listing of %s', (_, open) => {
  const key = (minute: number, name: string) =>
    `.trash/2026-11-28T22-${String(minute).padStart(2, '0')}-00.000Z/${name}`
  const others = ['!first', '.trash/1999', '.trash/a note', 'photos/a.jpg', 'z']

  async function filled(names: readonly string[]): Promise<Backend> {
    await reset()
    const backend = open()
    const kept = Array.from({ length: 12 }, (_unused, minute) => key(minute, 'photos/a.jpg'))
    for (const name of [...names, ...kept]) await backend.put?.(name, bytesOf(name))
    return withHiddenVersions(backend)
  }

  it.each([1, 2, 5, 1000])('has every other name once, in pages of %i', async (limit) => {
    const backend = await filled(others)
    const flat = await listAll(backend, { limit })
    expect(flat.objects.map(({ name }) => name)).toEqual(others)
    const rolled = await listAll(backend, { limit, delimiter: '/' })
    expect(rolled.objects.map(({ name }) => name)).toEqual(['!first', 'z'])
    expect(rolled.directories).toEqual(['.trash/', 'photos/'])
    const inside = await listAll(backend, { limit, prefix: '.trash/', delimiter: '/' })
    expect(inside.objects.map(({ name }) => name)).toEqual(['.trash/1999', '.trash/a note'])
    expect(inside.directories).toEqual([])
  })

  it.each([
    ['nothing else is in it', [], false],
    ['something before them is', ['.trash/1999'], true],
    ['something after them is', ['.trash/a note'], true],
  ])('has the directory .trash/ only if needed: %s', async (_case, names, isListed) => {
    const backend = await filled(names)
    const { directories } = await listAll(backend, { delimiter: '/' })
    expect(directories).toEqual(isListed ? ['.trash/'] : [])
  })

  it('of everything lacks only prior versions, so that a job reports what it cannot copy', async () => {
    const names = ['.trash/2 pages.pdf', 'a']
    const backend = await filled(names)
    if (!isListable(backend)) throw new Error('cannot list')
    const steps = await createWalk([backend], '').take(100)
    expect(steps.map(({ name }) => name)).toEqual(names)
    expect(whyInvalid('.trash/2 pages.pdf')).toMatch('reserved')
  })
})

it('skips thousands of prior versions at once', async () => {
  const memory = memoryBackend('memory')
  const lists: ListOptions[] = []
  const list = (options: ListOptions = {}) => {
    lists.push(options)
    return memory.list(options)
  }
  for (let index = 0; index < 3000; index++)
    await memory.put(`.trash/2026-11-28T22-15-00.000Z/${index}`, bytesOf('x'))
  await memory.put('b.txt', bytesOf('b'))
  const { objects } = await listAll(withHiddenVersions({ ...memory, list }), {})
  expect(objects.map(({ name }) => name)).toEqual(['b.txt'])
  expect(lists).toHaveLength(2)
})
