import { env } from 'cloudflare:workers'
import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { kvBackend } from '../../src/backends/kv/kv.ts'
import { isolateMemory } from '../../src/bodies/memory-budget.ts'
import { describeBackend } from './conformance.ts'
import { chunked, DIGITS, textOf } from './conformance-fixtures.ts'

const MIB = 1024 * 1024

afterEach(() => reset())

describeBackend('the KV backend', async () => kvBackend('media-kv', env.MEDIA_KV), {
  writable: true,
  listable: true,
  conditional: true,
  multipart: false,
})

const backend = kvBackend('media-kv', env.MEDIA_KV)

describe('a value that other software wrote', () => {
  it.each([
    ['without metadata', {}],
    ['with metadata of their own', { metadata: { size: 'large', version: 3 } }],
    ['with metadata that only looks like ours', { metadata: { 'fallback-storage': { size: 3 } } }],
  ])('%s is served with its size and a strong ETag', async (_, options) => {
    await env.MEDIA_KV.put('a.txt', 'hello', options)
    const info = await backend.head('a.txt')
    expect(info).toMatchObject({ name: 'a.txt', size: 5, etag: expect.stringMatching(/^"[0-9a-f]{32}-0"$/) })
    expect(info?.modified).toBeUndefined()
    const object = await backend.get('a.txt', {
      range: { suffix: 2 },
      ...(info?.etag && { ifMatch: info.etag }),
    })
    expect(object).toMatchObject({ etag: info?.etag, range: { start: 3, end: 4 } })
    expect(await textOf(object)).toBe('lo')
    expect((await backend.list?.())?.objects).toEqual([{ name: 'a.txt', backend: 'media-kv' }])
  })

  it('counts as memory in use until it is read', async () => {
    await env.MEDIA_KV.put('a.txt', new Uint8Array(10 * MIB))
    const object = await backend.get('a.txt')
    expect(isolateMemory.tryReserve(isolateMemory.total)).toBeNull()
    expect((await new Response(object?.body).arrayBuffer()).byteLength).toBe(10 * MIB)
    const all = await vi.waitUntil(() => isolateMemory.tryReserve(isolateMemory.total))
    all.release()
    await backend.head('a.txt')
    const after = await vi.waitUntil(() => isolateMemory.tryReserve(isolateMemory.total))
    after.release()
  })

  it('can be replaced by its version', async () => {
    await env.MEDIA_KV.put('a.txt', 'hello')
    const version = (await backend.head('a.txt'))?.version ?? ''
    expect(await backend.put?.('a.txt', DIGITS, { onlyIf: { version } })).toMatchObject({ size: 10 })
    expect(await backend.put?.('a.txt', DIGITS, { onlyIf: { version } })).toBeNull()
  })
})

describe('the limits of KV', () => {
  it('are known before a request', () => {
    expect(backend.maxSize).toBe(25 * MIB)
    expect(['a'.repeat(512), 'é'.repeat(256), '...'].map((name) => backend.accepts?.(name))).toEqual([
      true,
      true,
      true,
    ])
    expect(['a'.repeat(513), 'é'.repeat(257), '.', '..'].map((name) => backend.accepts?.(name))).toEqual([
      false,
      false,
      false,
      false,
    ])
    expect(backend.createMultipartUpload).toBeUndefined()
    expect(backend.listsAfter).toBeUndefined()
  })

  it('allow 25 MiB and not a byte more', { timeout: 60_000 }, async () => {
    expect(await backend.put?.('a', new Uint8Array(25 * MIB))).toMatchObject({ size: 25 * MIB })
    const object = await backend.get('a', { range: { offset: 25 * MIB - 3 } })
    expect((await textOf(object)).length).toBe(3)
    await expect(backend.put?.('b', new Uint8Array(25 * MIB + 1))).rejects.toMatchObject({
      code: 'too-large',
    })
    const stream = backend.put?.('b', chunked('x'), { size: 25 * MIB + 1 })
    await expect(stream).rejects.toMatchObject({ code: 'too-large' })
  })

  it('leave room for some metadata in any script, and refuse more', async () => {
    const metadata = { title: '猫'.repeat(40), other: '100 % sure' }
    await backend.put?.('a', DIGITS, {
      info: { metadata, contentDisposition: 'attachment; filename="猫.jpg"' },
    })
    expect(await backend.head('a')).toMatchObject({
      metadata,
      contentDisposition: 'attachment; filename="猫.jpg"',
    })
    const put = backend.put?.('b', DIGITS, { info: { metadata: { title: '猫'.repeat(110) } } })
    await expect(put).rejects.toMatchObject({ code: 'too-large', message: expect.stringMatching(/1024/) })
  })
})

it.each([['ours'], ['foreign']])('gives bodies whose length the runtime knows: %s', async (kind) => {
  if (kind === 'ours') await backend.put?.('a', DIGITS)
  else await env.MEDIA_KV.put('a', DIGITS)
  // R2 accepts no stream of unknown length.
  const whole = await backend.get('a')
  expect(await env.MEDIA.put('whole', whole?.body ?? null)).toMatchObject({ size: 10 })
  const part = await backend.get('a', { range: { offset: 7 } })
  expect(await env.MEDIA.put('part', part?.body ?? null)).toMatchObject({ size: 3 })
})

it('gives values of its first releases a tag that nobody takes for an MD5', async () => {
  const record = { size: 5, etag: 'f'.repeat(32), version: 'v', written: '2001-09-09T01:46:40.000Z' }
  await env.MEDIA_KV.put('a', 'hello', { metadata: { 'fallback-storage': record } })
  expect((await backend.head('a'))?.etag).toBe(`"${record.etag}-0"`)
})

it('gives equal bytes equal ETags and each write its own version', async () => {
  const first = await backend.put?.('a', DIGITS)
  const second = await backend.put?.('a', chunked('01234', '56789'), { size: 10 })
  expect(second?.etag).toBe(first?.etag)
  expect(second?.version).not.toBe(first?.version)
})

it('lists a directory of thousands as one entry', { timeout: 60_000 }, async () => {
  const names = Array.from({ length: 1500 }, (_, index) => `big/${index}`)
  for (let at = 0; at < names.length; at += 50)
    await Promise.all(names.slice(at, at + 50).map((name) => env.MEDIA_KV.put(name, '')))
  await env.MEDIA_KV.put('last', '')
  const page = await backend.list?.({ delimiter: '/' })
  expect(page).toMatchObject({ directories: ['big/'], objects: [{ name: 'last' }] })
  expect(page?.cursor).toBeUndefined()
})

it.each([
  ['KV GET failed: 429 Too Many Requests', { code: 'unavailable', status: 429, retryAfter: 1000 }],
  ['KV GET failed: 403 Forbidden', { code: 'denied', status: 403 }],
  ['KV GET failed: 500 Internal Server Error', { code: 'unavailable', status: 500 }],
  ['Network connection lost.', { code: 'unavailable' }],
])('distinguishes a failure from a miss: %s', async (message, expected) => {
  const failing = {
    getWithMetadata: async () => {
      throw new Error(message)
    },
  }
  const broken = kvBackend('media-kv', failing as unknown as KVNamespace)
  await expect(broken.get('a')).rejects.toMatchObject({
    name: 'StorageError',
    backend: 'media-kv',
    ...expected,
  })
  await expect(broken.head('a')).rejects.toMatchObject({ name: 'StorageError', ...expected })
})
