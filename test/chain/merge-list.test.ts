import { describe, expect, it } from 'vitest'

import { memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { mergeList } from '../../src/chain/merge-list.ts'
import { afterBackend, counted, cursorBackend, filteredBackend, readOnly } from './list-backends.ts'
import { entries, names, next, walk } from './list-walk.ts'

const cursorKey = 'secret'

describe('a merged listing', () => {
  it('shows the earlier backend’s object if several have a name', async () => {
    const backends = [
      await afterBackend('new', [{ name: 'b' }]),
      await cursorBackend('old', names(1, 'a').concat({ name: 'b' })),
    ]
    const { objects } = await mergeList(backends, { cursorKey })
    expect(objects.map(({ name, backend }) => [name, backend])).toEqual([
      ['a0000', 'old'],
      ['b', 'new'],
    ])
  })

  it('hides a name everywhere if the writable backend has its tombstone, even from a backend before it', async () => {
    const backends = [
      readOnly(await afterBackend('readonly', [{ name: 'a' }])),
      await afterBackend('primary', [{ name: 'a', deleted: true }]),
      await afterBackend('legacy', [{ name: 'a' }]),
    ]
    expect((await mergeList(backends, { cursorKey, tombstones: true })).objects).toEqual([])
    const { objects } = await mergeList(backends.slice(1), { cursorKey })
    expect(objects.map(({ backend }) => backend)).toEqual(['legacy'])
  })

  it('hides names that are deleted in the middle of a walk, even if the writable backend had nothing more to list', async () => {
    const primary = memoryBackend('primary')
    await primary.put('0000', new Uint8Array())
    const backends = [primary, await afterBackend('legacy', names(6))]
    const options = { cursorKey, tombstones: true, limit: 3 }
    const first = await mergeList(backends, options)
    await primary.put('0004', new Uint8Array(), { info: { deleted: new Date() } })
    const second = await mergeList(backends, { ...options, ...next(first.cursor) })
    expect([...entries(first), ...entries(second)]).toEqual(['0000', '0001', '0002', '0003', '0005'])
  })

  it('begins after a name, and skips the directory that contains it', async () => {
    const held = ['a/1', 'a/2', 'b', 'c/1', 'd'].map((name) => ({ name }))
    const backends = [await afterBackend('a', held), await cursorBackend('b', held, 2)]
    const after = async (name: string, delimiter?: string) =>
      (await walk(backends, { cursorKey, after: name, ...(delimiter && { delimiter }) }))
        .flatMap(entries)
        .toSorted()
    expect(await after('a/1')).toEqual(['a/2', 'b', 'c/1', 'd'])
    expect(await after('a/1', '/')).toEqual(['b', 'c/', 'd'])
    expect(await after('c/', '/')).toEqual(['d'])
    expect(await after('a/1', '1')).toEqual(['a/2', 'b', 'c/1', 'd'])
    expect(await after('e')).toEqual([])
  })

  it('keeps a directory in which every name is deleted', async () => {
    const backends = [
      await afterBackend('primary', [{ name: 'a/b', deleted: true }]),
      await afterBackend('legacy', [{ name: 'a/b' }]),
    ]
    const page = await mergeList(backends, { cursorKey, tombstones: true, delimiter: '/' })
    expect(page).toMatchObject({ objects: [], directories: ['a/'], cursor: null })
  })

  it.each([0, -1, 1.5, 1001, Number.NaN])('refuses a limit of %d', async (limit) => {
    const backends = [await afterBackend('a', [])]
    await expect(mergeList(backends, { cursorKey, limit })).rejects.toMatchObject({ code: 'invalid' })
  })

  it('resumes from a cursor under another limit', async () => {
    const backends = [await afterBackend('a', names(20)), await cursorBackend('b', names(20))]
    const first = await mergeList(backends, { cursorKey, limit: 3 })
    const second = await mergeList(backends, { cursorKey, limit: 1000, ...next(first.cursor) })
    expect([...entries(first), ...entries(second)]).toEqual(names(20).map(({ name }) => name))
  })

  it.each([
    ['another prefix', { prefix: 'x' }, 'belongs to another listing'],
    ['another delimiter', { delimiter: '/' as const }, 'belongs to another listing'],
    ['another secret', { cursorKey: 'other' }, 'comes from another deployment'],
  ])('refuses a cursor that was given under %s', async (_, other, message) => {
    const backends = [await afterBackend('a', names(3))]
    const { cursor } = await mergeList(backends, { cursorKey, limit: 1 })
    await expect(mergeList(backends, { cursorKey, ...other, ...next(cursor) })).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining(message),
    })
  })

  it('refuses a cursor as outdated when the chain has changed', async () => {
    const a = await afterBackend('a', names(3))
    const b = await afterBackend('b', names(3))
    const { cursor } = await mergeList([a, b], { cursorKey, limit: 1 })
    for (const changed of [[a], [b, a], [a, { ...b, name: 'c' }], [a, { ...b, listsAfter: false }]]) {
      await expect(mergeList(changed, { cursorKey, ...next(cursor) })).rejects.toThrow('outdated')
    }
  })
})

describe('list requests', () => {
  it('are sent once per backend and page', async () => {
    const a = counted(await afterBackend('a', names(500, 'x')))
    const b = counted(await afterBackend('b', names(500, 'x')))
    await walk([a.backend, b.backend], { cursorKey, limit: 50 })
    expect([a.calls.length, b.calls.length]).toEqual([10, 10])
  })

  it('are not created inside a directory that was already returned', async () => {
    const held = [...names(300, 'a/'), ...names(300, 'b/'), { name: 'c' }]
    const a = counted(await afterBackend('a', held))
    await walk([a.backend], { cursorKey, limit: 1, delimiter: '/' })
    expect(a.calls.map(({ after }) => after)).toEqual([undefined, 'a/\u{10FFFF}', 'b/\u{10FFFF}'])
  })

  it('skip the rest of a directory for any delimiter', async () => {
    const a = counted(await afterBackend('a', [...names(3000, 'a::'), ...names(3000, 'b::'), { name: 'c' }]))
    const pages = await walk([a.backend], { cursorKey, delimiter: '::' })
    expect(pages.flatMap(entries)).toEqual(['c', 'a::', 'b::'])
    expect(a.calls.map(({ after }) => after)).toEqual([undefined, 'a::\u{10FFFF}', 'b::\u{10FFFF}'])
  })

  it('do not list a backend before its names are needed', async () => {
    const near = counted(await afterBackend('near', names(100, 'a')))
    const far = counted(await afterBackend('far', names(100, 'b')))
    await walk([near.backend, far.backend], { cursorKey, limit: 10 })
    expect(near.calls).toHaveLength(10)
    expect(far.calls).toHaveLength(11)
  })

  it('are at most three per page if nearly everything is hidden, and the next page continues from there', async () => {
    const deleted = names(4000).map(({ name }) => ({ name, deleted: true }))
    const primary = counted(await afterBackend('primary', [...deleted, { name: 'z' }]))
    const options = { cursorKey, tombstones: true, limit: 10 }
    const first = await mergeList([primary.backend], options)
    expect(entries(first)).toEqual([])
    expect(primary.calls).toHaveLength(3)
    const rest = await walk([primary.backend], { ...options, ...next(first.cursor) })
    expect(rest.flatMap(entries)).toEqual(['z'])
    expect(primary.calls).toHaveLength(6)
  })

  it('get past long stretches in which a backend has nothing visible', async () => {
    const backend = counted(await filteredBackend('filtered', [{ name: 'z' }], 1))
    const pages = await walk([backend.backend], { cursorKey, limit: 5, prefix: '' })
    expect(pages.flatMap(entries)).toEqual(['z'])
    expect(backend.calls.length).toBeLessThanOrEqual(32)
  })

  it('end with a failure if a backend returns the same cursor again and again', async () => {
    const backend: Backend = {
      ...memoryBackend('stuck'),
      list: async () => ({ objects: [], directories: [], cursor: 'same' }),
    }
    const first = await mergeList([backend], { cursorKey })
    await expect(mergeList([backend], { cursorKey, ...next(first.cursor) })).rejects.toMatchObject({
      code: 'unavailable',
      failures: [{ backend: 'stuck', message: 'gave the same listing cursor twice' }],
    })
  })
})

it('a chain in which no backend can list says so', async () => {
  const { list: _, ...blind } = memoryBackend('blind')
  await expect(mergeList([blind], { cursorKey })).rejects.toMatchObject({ code: 'unsupported' })
})
