import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { apiApp, bytes, down, holding, readOnly } from './api-app.ts'

async function pair() {
  const first = await holding('first', { 'a/one': '1', 'b/x': '2' })
  const second = await holding('second', { 'a/one': '11', 'a/two': '3', c: '4' })
  return { first, second, ...apiApp([first, readOnly(second)]) }
}

describe('tombstones', () => {
  it('are listed, page by page', async () => {
    const { json, chain } = await pair()
    for (const name of ['a/one', 'a/two', 'c']) await chain.delete(name)
    const first = await json('/-/api/tombstones?limit=2')
    expect(first.body).toMatchObject({ prefix: '', tombstones: [{ name: 'a/one' }, { name: 'a/two' }] })
    const [{ deleted_time: time }] = first.body['tombstones'] as [{ deleted_time: string }]
    expect(Math.abs(Date.parse(time) - Date.now())).toBeLessThan(60_000)
    const second = await json(`/-/api/tombstones?limit=2&cursor=${String(first.body['cursor'])}`)
    expect(second.body).toMatchObject({ tombstones: [{ name: 'c' }], cursor: null })
    expect((await json('/-/api/tombstones?prefix=c')).body).toMatchObject({ tombstones: [{ name: 'c' }] })
    const foreign = await json(`/-/api/tombstones?prefix=c&cursor=${String(first.body['cursor'])}`)
    expect(foreign.status).toBe(400)
  })

  it('are removed by undelete, which brings back what a fallback holds', async () => {
    const { json, chain } = await pair()
    await chain.delete('a/two')
    await chain.delete('b/x')
    const undelete = (name: string) => json(`/-/api/undelete/${name}`, { method: 'POST' })
    expect((await undelete('a/two')).body).toEqual({ name: 'a/two', restored: true, backend: 'second' })
    expect((await json('/-/api/size/a/two')).body['size']).toBe(1)
    expect((await undelete('b/x')).body).toEqual({ name: 'b/x', restored: false, backend: null })
    expect((await undelete('a/two')).status).toBe(404)
    expect((await undelete('never')).status).toBe(404)
  })

  it('stay when undelete cannot tell whether a fallback holds the name', async () => {
    const first = memoryBackend('first')
    const { json, chain } = apiApp([first, readOnly(down('second'))])
    await chain.delete('a')
    expect((await json('/-/api/undelete/a', { method: 'POST' })).status).toBe(502)
    expect(first.objects.get('a')?.info.deleted).toBeInstanceOf(Date)
  })

  it('are purged once no fallback holds the name, and only counted in a dry run', async () => {
    const { json, chain, first, second } = await pair()
    for (const name of ['a/one', 'a/two', 'gone']) await chain.delete(name)
    await second.delete('a/two')
    const purge = (body: object) =>
      json('/-/api/tombstones/purge', { method: 'POST', body: JSON.stringify(body) })
    const expected = { examined: 3, purged: 2, kept: 1, names: ['a/two', 'gone'], cursor: null }
    expect((await purge({ dry_run: true })).body).toEqual({ dry_run: true, ...expected })
    expect(first.objects.has('gone')).toBe(true)
    expect((await purge({})).body).toEqual({ dry_run: false, ...expected })
    expect([first.objects.has('gone'), first.objects.has('a/two'), first.objects.has('a/one')]).toEqual([
      false,
      false,
      true,
    ])
    expect((await purge({ dry_run: 'yes' })).status).toBe(400)
  })

  it('are kept by a purge while a fallback fails', async () => {
    const { json, chain } = apiApp([memoryBackend('first'), readOnly(down('second'))])
    await chain.delete('a')
    const { body } = await json('/-/api/tombstones/purge', { method: 'POST' })
    expect(body).toMatchObject({ examined: 1, purged: 0, kept: 1 })
  })

  it('are not removed when a save took their place meanwhile', async () => {
    const first = memoryBackend('first')
    const second = memoryBackend('second')
    const racing = {
      ...readOnly(second),
      async head() {
        await first.put('a', bytes('saved'))
        return null
      },
    }
    const { json, chain } = apiApp([first, racing])
    await chain.delete('a')
    expect((await json('/-/api/tombstones/purge', { method: 'POST' })).body).toMatchObject({
      purged: 0,
      kept: 1,
    })
    expect(first.objects.get('a')?.info.size).toBe(5)
  })
})
