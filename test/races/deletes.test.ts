import { describe, expect, it } from 'vitest'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import { copyName } from '../../src/migration/copy-name.ts'
import type { WritableBackend } from '../../src/storage/backend.ts'
import { textOf } from '../kit/fakes.ts'
import { apiApp, bytes, readOnly } from '../routes/api-app.ts'

/** Acts once, right before the backend is asked to delete something or to put a marker in its place. */
function before(backend: MemoryBackend, act: () => Promise<unknown>): WritableBackend {
  let acted = false
  const once = async (): Promise<void> => {
    if (acted) return
    acted = true
    await act()
  }
  return {
    ...backend,
    async put(name, body, options) {
      if (options?.info?.deleted) await once()
      return backend.put(name, body, options)
    },
    async delete(name) {
      await once()
      return backend.delete(name)
    },
  }
}

async function holding(objects: Record<string, string>): Promise<MemoryBackend> {
  const backend = memoryBackend('old')
  for (const [name, text] of Object.entries(objects)) await backend.put(name, bytes(text))
  return backend
}

describe('a DELETE with If-Match', () => {
  const chains = [
    ['behind which a fallback is', { fallback: true, deletes: 'tombstone' as const }],
    ['that is alone', { fallback: false, deletes: 'tombstone' as const }],
    ['of plain deletes', { fallback: true, deletes: 'first' as const }],
  ] as const

  it.each(chains)(
    'loses no PUT that is acknowledged meanwhile, in a backend %s',
    async (_, { fallback, deletes }) => {
      const first = memoryBackend('first')
      const etag = (await first.put('a', bytes('seen')))?.etag ?? ''
      const racing = before(first, () => first.put('a', bytes('saved meanwhile')))
      const { call } = apiApp(fallback ? [racing, readOnly(await holding({}))] : [racing], { deletes })
      expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': etag } })).status).toBe(412)
      expect(await textOf(await first.get('a'))).toBe('saved meanwhile')
    },
  )

  it.each(chains)('deletes what it names, in a backend %s', async (_, { fallback, deletes }) => {
    const first = memoryBackend('first')
    const etag = (await first.put('a', bytes('seen')))?.etag ?? ''
    const { call } = apiApp(fallback ? [first, readOnly(await holding({}))] : [first], { deletes })
    expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': '"other"' } })).status).toBe(412)
    expect((await call('/a')).status).toBe(200)
    expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': etag } })).status).toBe(204)
    expect((await call('/a')).status).toBe(404)
    expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': etag } })).status).toBe(412)
  })

  it('holds for what a fallback holds, while a copy of it lands', async () => {
    const first = memoryBackend('first')
    const old = await holding({ a: 'old' })
    const etag = (await old.head('a'))?.etag ?? ''
    const racing = before(first, () => copyName(chain, 'a'))
    const { call, chain } = apiApp([racing, readOnly(old)])
    expect((await call('/a', { method: 'DELETE', headers: { 'If-Match': etag } })).status).toBe(204)
    expect((await call('/a')).status).toBe(404)
  })
})

describe('an undelete', () => {
  it.each([
    ['bytes', 'saved meanwhile'],
    // As empty as a tombstone could be.
    ['none', ''],
  ])('loses no PUT that is acknowledged meanwhile, of %s', async (_, text) => {
    const first = memoryBackend('first')
    const racing = before(first, () => first.put('a', bytes(text)))
    const { call, chain } = apiApp([first, readOnly(await holding({ a: 'old' }))])
    await chain.delete('a')
    const { call: late } = apiApp([racing, readOnly(await holding({ a: 'old' }))])
    expect((await late('/-/api/undelete/a', { method: 'POST' })).status).toBe(404)
    const answer = await call('/a')
    expect([answer.status, await answer.text()]).toEqual([200, text])
  })

  it('leaves the name free for whatever comes next', async () => {
    const acts = {
      copy: (chain: Parameters<typeof copyName>[0]) => copyName(chain, 'a'),
      put: (_: unknown, call: ReturnType<typeof apiApp>['call']) =>
        call('/a', { method: 'PUT', body: 'new', headers: { 'If-None-Match': '"x"' } }),
      save: (_: unknown, call: ReturnType<typeof apiApp>['call']) =>
        call('/-/api/save/a', { method: 'POST', body: 'new' }),
    }
    const found: Record<string, unknown> = {}
    for (const [name, act] of Object.entries(acts)) {
      const first = memoryBackend('first')
      const { call, chain } = apiApp([first, readOnly(await holding({ a: 'old' }))])
      await chain.delete('a')
      expect((await call('/-/api/undelete/a', { method: 'POST' })).status).toBe(200)
      await act(chain, call)
      found[name] = [await (await call('/a')).text(), first.objects.get('a')?.info.deleted]
    }
    expect(found).toEqual({ copy: ['old', undefined], put: ['new', undefined], save: ['new', undefined] })
  })
})

describe('a tombstone', () => {
  it('is not taken for an empty object that was saved in its place', async () => {
    const first = memoryBackend('first')
    const { chain } = apiApp([first, readOnly(await holding({ a: 'old' }))])
    await chain.delete('a')
    const seen = await first.head('a')
    await first.put('a', bytes(''))
    expect((await first.head('a'))?.etag).not.toBe(seen?.etag)
  })
})
