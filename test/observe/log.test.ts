import { describe, expect, it } from 'vitest'
import { createLogSample } from '../../src/observe/log.ts'

describe('createLogSample()', () => {
  it('limits the lines of each kind per second, and then returns how many it dropped', () => {
    let now = 5_000
    const sample = createLogSample(2, () => now)
    const take = (kind: string, times: number) => Array.from({ length: times }, () => sample.take(kind))
    expect(take('hit', 5)).toEqual([0, 0, null, null, null])
    expect(take('absent', 1)).toEqual([0])
    now += 999
    expect(take('hit', 1)).toEqual([null])
    now += 1
    expect(take('hit', 3)).toEqual([4, 0, null])
    expect(take('absent', 1)).toEqual([0])
  })

  it('drops every line at 0', () => {
    expect(createLogSample(0).take('hit')).toBe(null)
  })
})
