import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, it } from 'vitest'
import { type Conflict, conflictLog } from '../../src/sources/conflicts.ts'

const VERSION = { etag: '"1"', modified: null, size: 1 }

function conflict(name: string, detail = ''): Conflict {
  return { backend: 'old', name, detail, held: VERSION, found: VERSION, at: 0 }
}

function withLog<T>(act: (log: ReturnType<typeof conflictLog>) => T): Promise<T> {
  const stub = env.SOURCE_CHANGES.getByName(crypto.randomUUID())
  return runInDurableObject(stub, (_, state) => act(conflictLog(state.storage.sql)))
}

it('keeps one conflict of each name and source, the latest', async () => {
  const { conflicts } = await withLog((log) => {
    log.add(conflict('a', 'first'))
    log.add(conflict('b'))
    log.add({ ...conflict('a'), backend: 'older' })
    log.add(conflict('a', 'second'))
    return log.page(10, 0)
  })
  expect(conflicts.map(({ backend, name, detail }) => [backend, name, detail])).toEqual([
    ['old', 'a', 'second'],
    ['older', 'a', ''],
    ['old', 'b', ''],
  ])
})

it('is bounded, and a name that is recorded again and again pushes no other out', async () => {
  const result = await withLog((log) => {
    log.add(conflict('kept'))
    for (let times = 0; times < 10_500; times++) log.add(conflict('often'))
    const few = log.count()
    for (let index = 0; index < 10_500; index++) log.add(conflict(`n${index}`))
    return { few, many: log.count(), latest: log.page(1, 0).conflicts[0]?.name }
  })
  expect(result).toMatchObject({ few: 2, latest: 'n10499' })
  expect(result.many).toBeGreaterThanOrEqual(10_000)
  expect(result.many).toBeLessThan(10_100)
})

it('lists a dismissed conflict again if nothing identifies the version of the source', async () => {
  const unknown = { etag: null, modified: null, size: 1 }
  const listed = await withLog((log) => {
    for (const [name, found] of [
      ['known', VERSION],
      ['unknown', unknown],
    ] as const) {
      log.add({ ...conflict(name), found })
      expect(log.dismiss('old', name)).toBe(true)
      expect(log.dismiss('old', name)).toBe(false)
      expect([log.count(), log.page(10, 0).conflicts]).toEqual([0, []])
      log.add({ ...conflict(name), found })
    }
    return [log.count(), log.page(10, 0).conflicts.map(({ name }) => name)]
  })
  expect(listed).toEqual([1, ['unknown']])
})
