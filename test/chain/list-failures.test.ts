import { describe, expect, it } from 'vitest'

import { memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { mergeList } from '../../src/chain/merge-list.ts'
import { afterBackend, counted, failing, readOnly } from './list-backends.ts'
import { entries, names, next, walk } from './list-walk.ts'

const cursorKey = 'secret'

describe('a backend that fails', () => {
  it('is named, like one that cannot list, in the chain’s order', async () => {
    const { list: _, ...blind } = memoryBackend('blind')
    const slow = failing(
      readOnly(await afterBackend('slow', [])),
      () => true,
      new StorageError('timeout', 'did not answer in time'),
    )
    const primary = failing(
      await afterBackend('primary', []),
      () => true,
      new StorageError('denied', 'answered 403'),
    )
    const backends = [primary, blind, await afterBackend('sound', names(2)), slow]
    const page = await mergeList(backends, { cursorKey, tombstones: true })
    expect(entries(page)).toEqual(['0000', '0001'])
    expect(page.cursor).toBe(null)
    expect(page.degraded).toEqual([
      { name: 'primary', error: 'denied', detail: 'answered 403; names deleted there may be listed' },
      { name: 'blind', error: 'unsupported', detail: 'cannot list' },
      { name: 'slow', error: 'timeout', detail: 'did not answer in time' },
    ])
  })

  it('leaves a gap of that page only, and is listed from there for the next', async () => {
    const flaky = counted(await afterBackend('flaky', names(9, 'b')))
    const backends = [
      failing(flaky.backend, (call) => call === 1),
      await afterBackend(
        'sound',
        names(9, 'a').flatMap(({ name }) => [{ name }, { name: name.replace('a', 'b') }]),
      ),
    ]
    const pages = await walk(backends, { cursorKey, limit: 6 })
    expect(pages.map(({ degraded }) => degraded.length)).toEqual([0, 1, 0])
    expect(pages.flatMap(({ objects }) => objects.map(({ name }) => name))).toHaveLength(18)
    expect(flaky.calls.at(-1)?.after).toBe(pages[1]?.objects.at(-1)?.name)
  })

  it('keeps the walk open after a failure in the middle: the page fails and the same cursor continues', async () => {
    const flaky = failing(await afterBackend('flaky', names(9)), (call) => call === 1)
    const first = await mergeList([flaky, await afterBackend('sound', names(2))], { cursorKey, limit: 4 })
    const again = () =>
      afterBackend('sound', names(2)).then((sound) =>
        mergeList([flaky, sound], { cursorKey, limit: 1000, ...next(first.cursor) }),
      )
    await expect(again()).rejects.toMatchObject({ code: 'unavailable', failures: [{ backend: 'flaky' }] })
    expect(entries(await again())).toEqual(['0004', '0005', '0006', '0007', '0008'])
  })

  it('in the middle of a page only makes that page shorter', async () => {
    const primary = await afterBackend(
      'primary',
      names(9).map(({ name }, index) => ({ name, deleted: index < 4 })),
      3,
    )
    const pages = await walk([failing(primary, (call) => call === 1)], {
      cursorKey,
      limit: 9,
      tombstones: true,
    })
    expect(pages.map((page) => entries(page).length)).toEqual([0, 5])
    expect(pages.flatMap(({ degraded }) => degraded)).toEqual([])
  })

  it.each([
    [['timeout', 'timeout'], 'timeout'],
    [['timeout', 'unavailable'], 'unavailable'],
  ] as const)('with all others (%j) is thrown as %s', async (codes, code) => {
    const backends = await Promise.all(
      codes.map(async (each) =>
        failing(await afterBackend(each, []), () => true, new StorageError(each, 'failed')),
      ),
    )
    await expect(mergeList(backends, { cursorKey })).rejects.toMatchObject({
      code,
      failures: codes.map((each) => ({ code: each })),
    })
  })

  it('is not reported if the caller aborted', async () => {
    const controller = new AbortController()
    const gone = new Error('gone')
    const backend: Backend = {
      ...(await afterBackend('a', [])),
      async list({ signal } = {}) {
        controller.abort(gone)
        signal?.throwIfAborted()
        return { objects: [], directories: [] }
      },
    }
    const backends = [backend, await afterBackend('b', [])]
    await expect(mergeList(backends, { cursorKey, signal: controller.signal })).rejects.toBe(gone)
  })
})
