import { describe, expect, it } from 'vitest'
import { mapLimited } from '../../src/storage/map-limited.ts'

describe('mapLimited', () => {
  it('returns results in the order of the items, and works on a few at a time', async () => {
    let [running, most] = [0, 0]
    const items = Array.from({ length: 50 }, (_, index) => index)
    const double = async (item: number): Promise<number> => {
      most = Math.max(most, ++running)
      // Later items are done sooner.
      for (let turn = 0; turn < 50 - item; turn++) await Promise.resolve()
      running--
      return item * 2
    }
    expect(await mapLimited(items, double, 4)).toEqual(items.map((item) => item * 2))
    expect(most).toBe(4)
  })

  it('works on all of fewer items at once', async () => {
    const begun = Promise.withResolvers<void>()
    let count = 0
    const work = async (item: string): Promise<string> => {
      if (++count === 2) begun.resolve()
      await begun.promise
      return item
    }
    expect(await mapLimited(new Set(['a', 'b']), work, 5)).toEqual(['a', 'b'])
    expect(await mapLimited([], work, 5)).toEqual([])
  })

  it('fails as the first item that fails', async () => {
    const work = (item: number): Promise<number> =>
      item === 3 ? Promise.reject(new Error('three')) : Promise.resolve(item)
    await expect(mapLimited([1, 2, 3, 4], work, 2)).rejects.toThrow('three')
  })

  it('begins no further item after one has failed', async () => {
    const begun: number[] = []
    const { promise, resolve } = Promise.withResolvers<void>()
    const work = async (item: number): Promise<void> => {
      begun.push(item)
      if (item === 1) throw new Error('one')
      await promise
    }
    await expect(mapLimited([0, 1, 2, 3, 4], work, 2)).rejects.toThrow('one')
    resolve()
    for (let turn = 0; turn < 20; turn++) await Promise.resolve()
    expect(begun).toEqual([0, 1])
  })
})
