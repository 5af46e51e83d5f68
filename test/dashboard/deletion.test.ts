import { describe, expect, it } from 'vitest'
import type { Backends, Explanation } from '../../src/client/client.ts'
import { chunksOf, forEachName } from '../../src/dashboard/views/browse/bulk.ts'
import { recoveryOf } from '../../src/dashboard/deletion.ts'

/** Whether legacy is a mirror, and which. */
type Mirror = true | 'keep-deleted'
type Result = Explanation['backends'][number]['result']

/** What the chain media, media_kv, legacy says about a name; `false`: the backend does not accept it. */
function explained(...results: (Result | false)[]): Explanation {
  const names = ['media', 'media_kv', 'legacy']
  return {
    name: 'a.jpg',
    would_serve: null,
    tombstone: null,
    migration: { enabled: true, state: 'present', target: null, reason: '' },
    backends: results.map((result, index) => ({
      name: names[index] ?? '',
      type: '',
      accepts: result !== false,
      result: result === false ? 'not_asked' : result,
    })),
  }
}

function chainOf(writable: boolean[], deletes: Backends['deletes'] = 'tombstone', mirror?: Mirror): Backends {
  const names = ['media', 'media_kv', 'legacy']
  return {
    migration: true,
    deletes,
    warnings: [],
    backends: writable.map((one, index) => ({
      name: names[index] ?? '',
      type: '',
      role: mirror !== undefined && index === 2 ? 'mirror' : 'fallback',
      writable: one,
      methods: [],
      config: mirror !== undefined && index === 2 ? { mirror } : null,
    })),
  }
}

const chain = chainOf([true, true, false])

describe('what an undelete would bring back', () => {
  it.each([
    [['hit', 'absent', 'hit'], 'restorable'],
    [['absent', 'absent', 'hit'], 'restorable'],
    [['absent', 'hit', 'absent'], 'restorable'],
    [['hit', 'absent', 'absent'], 'final'],
    [['hit', 'absent', 'timeout'], 'uncertain'],
    [['hit', 'hit', 'timeout'], 'restorable'],
    [[false, 'hit', 'absent'], 'final'],
    [[false, 'hit', 'hit'], 'restorable'],
  ] as const)('results %j: %s', (results, recovery) => {
    expect(recoveryOf(explained(...results), chain)).toBe(recovery)
  })

  it('is not certain to be the same where another backend has a different object', () => {
    const explanation = explained('hit', 'absent', 'hit')
    explanation.would_serve = 'media'
    for (const [index, backend] of explanation.backends.entries()) backend.size = index
    expect(recoveryOf(explanation, chain)).toBe('uncertain')
  })

  it.each([
    [['hit', 'absent', 'hit'], 'final'],
    [['hit', 'hit', 'hit'], 'restorable'],
    [['hit', 'timeout', 'hit'], 'uncertain'],
    [['hit', 'absent', 'timeout'], 'final'],
  ] as const)(
    'is nothing of what only a mirror has too, which follows the delete: %j, %s',
    (results, recovery) => {
      expect(recoveryOf(explained(...results), chainOf([true, true, true], 'tombstone', true))).toBe(recovery)
    },
  )

  it('is what a mirror has that keeps what is deleted', () => {
    const keeping = chainOf([true, true, true], 'tombstone', 'keep-deleted')
    expect(recoveryOf(explained('hit', 'absent', 'hit'), keeping)).toBe('restorable')
  })

  it.each([
    [['hit', 'absent', 'hit'], 'uncertain'],
    [['hit', 'absent', 'absent'], 'final'],
    [['hit', 'absent', 'timeout'], 'uncertain'],
  ] as const)('is not certain for who may not see which are mirrors: %j, %s', (results, recovery) => {
    expect(recoveryOf(explained(...results), undefined)).toBe(recovery)
  })

  it('is nothing where deletes leave no tombstone', () => {
    expect(recoveryOf(explained('hit', 'absent', 'hit'), chainOf([true, true, false], 'first'))).toBe('final')
  })

  it('is nothing of what only the first writable backend has, wherever it stands', () => {
    expect(recoveryOf(explained('absent', 'hit', 'absent'), chainOf([false, true, true]))).toBe('final')
  })
})

describe('work on many names', () => {
  it('goes on when some fail, and says which', async () => {
    const seen: number[] = []
    const { done, failed } = await forEachName(
      ['a', 'b', 'c', 'd', 'e', 'f'],
      async (name) => {
        if (name === 'b') throw new Error('locked')
        return name.toUpperCase()
      },
      { onProgress: (finished) => seen.push(finished) },
    )
    expect(done.map(({ result }) => result).toSorted()).toEqual(['A', 'C', 'D', 'E', 'F'])
    expect(failed).toEqual([{ name: 'b', error: new Error('locked') }])
    expect(seen).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('begins nothing more once it is stopped', async () => {
    const abort = new AbortController()
    const begun: string[] = []
    await forEachName(
      ['a', 'b', 'c', 'd'],
      async (name) => {
        begun.push(name)
        if (name === 'b') abort.abort()
      },
      { concurrency: 1, signal: abort.signal },
    )
    expect(begun).toEqual(['a', 'b'])
  })

  it('is cut into chunks', () => {
    expect(chunksOf([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]])
    expect(chunksOf([], 2)).toEqual([])
  })
})
