import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { status } from '../kit/origin/spoil.ts'
import { bytesOf, LARGE, SMALL, withS3Primary } from './each-source.ts'

const the = withS3Primary({
  vars: { FALLBACK_INLINE_MAX_BYTES: '1048576', FALLBACK_BREAKER_FAILURES: '0' },
})

const HIT = 'fallback-storage; hit; detail=primary'

it.each([
  ['small', SMALL],
  ['large', LARGE],
])('serves a %s object while the primary fails, and writes nothing back', async (size, body) => {
  const { site, source, primary } = the
  const name = `failing-${size}.bin`
  await source.add(name, body)
  await primary.set(name, failing)
  const response = await site.fetch(`/${name}`)
  expect(response.headers.get('Cache-Status')).toBe('fallback-storage; fwd=uri-miss; detail=old')
  expect((await bytesOf(response)).equals(body)).toBe(true)
  await sleep(1000)
  expect(primary.requests(name)).not.toContain('PUT')
  expect(site.copies(name)).toEqual([])
  await primary.set(name, null)
  expect((await bytesOf(site.fetch(`/${name}`))).equals(body)).toBe(true)
  await site.copied(name, 'copied')
  expect((await site.fetch(`/${name}`)).headers.get('Cache-Status')).toBe(HIT)
})

it.each([
  ['small', SMALL],
  ['large', LARGE],
])('serves a %s object whose copy fails, and copies it when that works again', async (size, body) => {
  const { site, source, primary } = the
  const name = `unwritable-${size}.bin`
  await source.add(name, body)
  await primary.set(name, failing, ['PUT'])
  expect((await bytesOf(site.fetch(`/${name}`))).equals(body)).toBe(true)
  await site.copied(name, 'failed')
  await primary.set(name, null)
  expect((await bytesOf(site.fetch(`/${name}`))).equals(body)).toBe(true)
  await site.copied(name, 'copied')
  const after = await site.fetch(`/${name}`)
  expect(after.headers.get('Cache-Status')).toBe(HIT)
  expect((await bytesOf(after)).equals(body)).toBe(true)
})

it('sees a deleted name as absent everywhere, until it is saved again', async () => {
  const { site, source } = the
  await source.add('deleted.bin', SMALL)
  await bytesOf(site.fetch('/deleted.bin'))
  await site.copied('deleted.bin', 'copied')
  expect((await site.call('/deleted.bin', { method: 'DELETE' })).status).toBe(204)
  for (const method of ['GET', 'HEAD'])
    expect((await site.fetch('/deleted.bin', { method })).status).toBe(404)
  const get = async (path: string): Promise<unknown> => (await site.call(`/-/api/${path}`)).json()
  expect(await get('exists/deleted.bin')).toEqual({ name: 'deleted.bin', exists: false })
  expect(await get('list/deleted')).toMatchObject({ objects: [] })
  expect((await site.call('/-/api/size/deleted.bin')).status).toBe(404)
  await sleep(500)
  expect(site.copies('deleted.bin')).toEqual(['copied'])
  expect((await site.call('/deleted.bin', { method: 'PUT', body: 'new' })).ok).toBe(true)
  expect((await bytesOf(site.fetch('/deleted.bin'))).toString()).toBe('new')
})

const failing = status(503)
