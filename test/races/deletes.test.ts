import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { copyName } from '../../src/migration/copy-name.ts'
import { bucketWith, fill, media, mediaKv, R2, startApp } from '../kit/app.ts'
import { textOf } from '../kit/fakes.ts'

afterEach(() => reset())

/** The bucket with an action that runs once, right before a delete or put. */
function before(act: () => Promise<unknown>): R2Bucket {
  let acted = false
  const once = async (): Promise<void> => {
    if (acted) return
    acted = true
    await act()
  }
  return bucketWith({
    async put(...args: unknown[]) {
      await once()
      return env.MEDIA.put(...(args as Parameters<R2Bucket['put']>))
    },
    async delete(key) {
      await once()
      return env.MEDIA.delete(key)
    },
  } as Partial<R2Bucket>)
}

/** Puts `a` into the bucket; returns its tag. */
async function saved(text: string): Promise<string> {
  await fill(media, { a: text })
  return (await media.head('a'))?.etag ?? ''
}

describe('a DELETE with If-Match', () => {
  const chains: [string, Record<string, unknown>][] = [
    ['behind which a fallback is', {}],
    ['that is alone', { FALLBACK_STORAGES: [R2] }],
    ['of plain deletes', { FALLBACK_DELETES: 'first' }],
  ]

  it.each(chains)(
    'loses no PUT that is acknowledged at the same time, in a backend %s',
    async (_, settings) => {
      const etag = await saved('seen')
      const { call } = startApp({ ...settings, MEDIA: before(() => saved('saved meanwhile')) })
      expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': etag } })).status).toBe(412)
      expect(await textOf(await media.get('a'))).toBe('saved meanwhile')
    },
  )

  it.each(chains)('deletes what it names, in a backend %s', async (_, settings) => {
    const etag = await saved('seen')
    const { call } = startApp(settings)
    expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': '"other"' } })).status).toBe(412)
    expect((await call('/a', { method: 'HEAD' })).status).toBe(200)
    expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': etag } })).status).toBe(204)
    expect((await call('/a')).status).toBe(404)
    expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': etag } })).status).toBe(412)
  })

  it('applies to a fallback’s object while it is being copied', async () => {
    await fill(mediaKv, { a: 'old' })
    const etag = (await mediaKv.head('a'))?.etag ?? ''
    const copying = startApp()
    const copy = vi.fn<() => Promise<unknown>>(() => copyName(copying.chain, 'a'))
    const { call } = startApp({ MEDIA: before(copy) })
    expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': etag } })).status).toBe(204)
    expect(copy).toHaveBeenCalledOnce()
    expect((await call('/a')).status).toBe(404)
  })
})

describe('an undelete', () => {
  it.each([
    ['bytes', 'saved meanwhile'],
    // As empty as a tombstone could be.
    ['none', ''],
  ])('loses no PUT that is acknowledged meanwhile, of %s', async (_, text) => {
    await fill(mediaKv, { a: 'old' })
    const { call, remove } = startApp()
    await remove('a')
    const { call: late } = startApp({ MEDIA: before(() => saved(text)) })
    expect((await late('/-/api/undelete/a', { method: 'POST' })).status).toBe(404)
    const answer = await call('/a')
    expect([answer.status, await answer.text()]).toEqual([200, text])
  })

  it('leaves the name free', async () => {
    const acts = {
      copy: (chain: Parameters<typeof copyName>[0]) => copyName(chain, 'a'),
      put: (_: unknown, call: ReturnType<typeof startApp>['call']) =>
        call('/a', { method: 'PUT', body: 'new', headers: { 'If-None-Match': '"x"' } }),
      save: (_: unknown, call: ReturnType<typeof startApp>['call']) =>
        call('/-/api/save/a', { method: 'POST', body: 'new' }),
    }
    const found: Record<string, unknown> = {}
    for (const [name, act] of Object.entries(acts)) {
      await media.delete?.('a')
      await fill(mediaKv, { a: 'old' })
      const { call, chain, remove } = startApp()
      await remove('a')
      expect((await call('/-/api/undelete/a', { method: 'POST' })).status).toBe(200)
      await act(chain, call)
      found[name] = [await (await call('/a')).text(), (await media.head('a'))?.deleted]
    }
    expect(found).toEqual({ copy: ['old', undefined], put: ['new', undefined], save: ['new', undefined] })
  })
})

describe('a tombstone', () => {
  it('has a different ETag than an empty object that replaces it', async () => {
    await fill(mediaKv, { a: 'old' })
    await startApp().remove('a')
    const seen = await media.head('a')
    expect(seen?.deleted).toBeDefined()
    expect(await saved('')).not.toBe(seen?.etag)
  })
})
