import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import * as v from 'valibot'
import { ANSWERS } from '../../src/schemas/answers.ts'
import type { SourceMessage } from '../../src/sources/messages.ts'
import { answering, bucketWith, media, OLD, R2, startApp } from '../kit/app.ts'
import { eventually } from '../kit/eventually.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'

afterEach(() => reset())

/** The Worker in front of an origin whose object tests change; without a queue. */
function start(settings: Record<string, unknown> = {}) {
  let current: string | null = 'one'
  const origin = answering(({ method }) => {
    if (current === null) return new Response(null, { status: 404 })
    const headers = {
      ETag: `"${current}"`,
      'Content-Type': 'text/plain',
      'Content-Length': `${current.length}`,
    }
    return new Response(method === 'HEAD' ? null : current, { headers })
  })
  const app = startApp({
    OLD: origin,
    FALLBACK_STORAGES: [R2, { ...OLD, revalidate_seconds: 1 }],
    FALLBACK_DATA_MIGRATION: true,
    COPY_QUEUE: undefined,
    ...settings,
  })
  const read = async (path = '/a.txt') => {
    const response = await app.call(path, { token: null })
    return response.ok ? response.text() : response.status
  }
  return {
    ...app,
    heads: () => origin.requests.filter(({ method }) => method === 'HEAD').length,
    change: (text: string | null) => void (current = text),
    read,
    /** A copy that was made long ago, so that it is due. */
    copied: () =>
      media.put?.('a.txt', bytesOf('one'), {
        info: { etag: '"one"', provenance: { backend: 'old', etag: '"one"', copied: new Date(0) } },
      }),
    /** Reads until it gets that text, or that status. */
    becomes: (wanted: string | number) =>
      eventually(
        () => `it is not ${wanted}`,
        async () => ((await read()) === wanted ? true : null),
      ),
    conflicts: async () => v.parse(ANSWERS.listConflicts, await app.get('conflicts')),
  }
}

describe('a read of a copy that is due', () => {
  it.each([
    ['GET', async ({ read }: ReturnType<typeof start>) => read()],
    ['HEAD', async ({ call }: ReturnType<typeof start>) => call('/a.txt', { method: 'HEAD' })],
    ['open', async ({ read }: ReturnType<typeof start>) => read('/-/api/open/a.txt')],
  ])('is followed by a comparison: %s', async (_, act) => {
    const started = start()
    await started.copied()
    started.change('two')
    await act(started)
    await started.becomes('two')
    expect(await media.head('a.txt')).toMatchObject({ provenance: { etag: '"two"' } })
  })

  it('hides the copy once its source is gone', async () => {
    const { copied, change, read, becomes } = start()
    await copied()
    change(null)
    expect(await read()).toBe('one')
    await becomes(404)
  })

  it('purges the edge cache, so that it does not answer with the old copy', async () => {
    const { copied, change, read, becomes } = start({
      MEDIA_EDGE_CACHE_SECONDS: 3600,
      MEDIA_URL: `https://${crypto.randomUUID()}.example/`,
    })
    await copied()
    change('two')
    expect(await read()).toBe('one')
    await becomes('two')
  })

  it('queues the name where a queue is bound', async () => {
    const sent: unknown[] = []
    const queue = Object.assign(Object.create(Object.getPrototypeOf(env.COPY_QUEUE) as object) as object, {
      send: async (message: SourceMessage) => void sent.push(message),
    })
    const { copied, change, read } = start({ COPY_QUEUE: queue })
    await copied()
    change('two')
    await read()
    await eventually(
      () => 'nothing was sent',
      async () => sent[0] ?? null,
    )
    expect(sent).toEqual([{ type: 'source', backend: 'old', name: 'a.txt' }])
  })

  it('asks nothing where it is off', async () => {
    const { copied, change, read, heads, chain, deployment } = start({ FALLBACK_STORAGES: [R2, OLD] })
    await copied()
    change('two')
    expect(await read()).toBe('one')
    expect([heads(), await textOf(await chain.get('a.txt'))]).toEqual([0, 'one'])
    expect(await deployment.reconcile('old', 'a.txt')).toMatchObject({ outcome: 'copied' })
  })
})

describe('GET conflicts', () => {
  it('lists what was saved and differs at the source, until both sides agree', async () => {
    const { deployment, change, conflicts } = start()
    await media.put?.('a.txt', bytesOf('saved'))
    await deployment.reconcile('old', 'a.txt')
    await deployment.reconcile('old', 'a.txt')
    const { etag } = (await media.head('a.txt')) ?? {}
    expect(await conflicts()).toEqual({
      conflicts: [
        {
          name: 'a.txt',
          backend: 'old',
          detail: 'saved in media, not copied: 5 bytes in media, 3 in old',
          held: { etag, modified_time: expect.any(String), size: 5 },
          found: { etag: '"one"', modified_time: null, size: 3 },
          seen: expect.any(String),
        },
      ],
      total: 1,
      cursor: null,
    })
    expect(await textOf(await media.get('a.txt'))).toBe('saved')
    change(null)
    await deployment.reconcile('old', 'a.txt')
    expect(await conflicts()).toMatchObject({ conflicts: [], total: 0 })
  })

  const conflicting = async (...names: string[]) => {
    const started = start()
    for (const name of names) {
      await media.put?.(name, bytesOf('saved'))
      await started.deployment.reconcile('old', name)
    }
    const put = (name: string, body: string) => started.call(`/${name}`, { method: 'PUT', body })
    const listed = async () => {
      const { conflicts, total } = await started.conflicts()
      expect(conflicts).toHaveLength(total)
      return conflicts.map(({ name }) => name).toSorted()
    }
    return { ...started, put, listed }
  }

  it('no longer lists what was deleted here, or replaced by what the source has', async () => {
    const names = ['deleted', 'same', 'other', 'left', 'copied']
    const { listed, put, remove, heads, change } = await conflicting(...names)
    expect(await listed()).toEqual(names.toSorted())
    change('')
    await remove('deleted')
    await put('same', '')
    await put('other', 'neither')
    const provenance = { backend: 'old', copied: new Date() }
    await media.put?.('copied', bytesOf('a copy'), { info: { provenance } })
    const before = heads()
    expect(await listed()).toEqual(['left', 'other'])
    // Only what has been replaced is compared again.
    expect(heads() - before).toBe(2)
    await remove('other', 'left')
    expect(await listed()).toEqual([])
  })

  it('lists what cannot be looked at', async () => {
    const { listed } = await conflicting('a')
    expect(await listed()).toEqual(['a'])
    const head = () => Promise.reject(new Error('internal error (10001)'))
    for (const settings of [{ MEDIA: bucketWith({ head }) }, { FALLBACK_STORAGES: [R2] }]) {
      const { conflicts, call } = start(settings)
      expect(await conflicts()).toMatchObject({ conflicts: [{ name: 'a' }], total: 1 })
      expect((await call('/-/api/conflicts')).status).toBe(200)
    }
  })

  it('removes none that was seen while it looked at an earlier one of the name', async () => {
    await conflicting('again', 'handled')
    const changes = env.SOURCE_CHANGES.getByName('changes')
    await scheduler.wait(5)
    const head = async (name: string) => {
      const [earlier] = (await changes.conflicts(1)).conflicts
      if (name === 'again' && earlier) await changes.addConflict({ ...earlier, name, at: Date.now() })
      return null
    }
    const { conflicts } = start({ MEDIA: bucketWith({ head }) })
    expect(await conflicts()).toMatchObject({ conflicts: [], total: 0 })
    expect(await changes.conflicts(10)).toMatchObject({ conflicts: [{ name: 'again' }], total: 1 })
  })

  it('no longer lists what was dismissed, until an event finds another version', async () => {
    const { listed, call, json, deployment, change, put } = await conflicting('a b', 'c')
    const event = () => deployment.reconcile('old', 'a b')
    const dismiss = (query: string) => json(`/-/api/conflicts/a%20b${query}`, { method: 'DELETE' })
    expect(await dismiss('')).toMatchObject({
      status: 400,
      body: { detail: expect.stringContaining('backend') },
    })
    expect(await dismiss('?backend=other')).toMatchObject({
      status: 404,
      body: { title: 'No such conflict' },
    })
    expect(await listed()).toEqual(['a b', 'c'])
    const dismissed = await call('/-/api/conflicts/a%20b?backend=old', { method: 'DELETE' })
    expect([dismissed.status, await dismissed.text()]).toEqual([204, ''])
    expect(await listed()).toEqual(['c'])
    expect((await dismiss('?backend=old')).status).toBe(404)
    expect(await textOf(await media.get('a b'))).toBe('saved')
    await event()
    expect(await listed()).toEqual(['c'])
    change('two')
    await event()
    expect(await listed()).toEqual(['a b', 'c'])
    expect((await call('/-/api/conflicts/a%20b?backend=old', { method: 'DELETE' })).status).toBe(204)
    await put('a%20b', 'saved again')
    await event()
    expect(await listed()).toEqual(['a b', 'c'])
  })

  it('has pages, the latest first', async () => {
    const { deployment, get } = start()
    for (const name of ['a', 'b', 'c']) {
      await media.put?.(name, bytesOf('saved'))
      await deployment.reconcile('old', name)
    }
    const page = async (query: string) =>
      v.parse(ANSWERS.listConflicts, await get(`conflicts?limit=2${query}`))
    const first = await page('')
    const second = await page(`&cursor=${first.cursor}`)
    const names = [first, second].map(({ conflicts }) => conflicts.map(({ name }) => name))
    expect([names, first.total, second.cursor]).toEqual([[['c', 'b'], ['a']], 3, null])
  })

  it('says what is missing where nothing keeps them', async () => {
    const { json } = start({ SOURCE_CHANGES: undefined })
    expect(await json('/-/api/conflicts')).toMatchObject({
      status: 501,
      body: { detail: expect.stringContaining('SOURCE_CHANGES') },
    })
  })
})
