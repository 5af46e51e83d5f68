import { describe, expect, it } from 'vitest'
import { takeTurn } from '../../src/dashboard/parts/turns.ts'

describe('turns', () => {
  it('let four start, and the next one when any of them ends', () => {
    const started: number[] = []
    const ends = [0, 1, 2, 3, 4, 5, 6].map((index) => takeTurn(() => started.push(index)))
    expect(started).toEqual([0, 1, 2, 3])
    ends[2]?.()
    expect(started).toEqual([0, 1, 2, 3, 4])
    // Not wanted any more before its turn.
    ends[5]?.()
    ends[0]?.()
    expect(started).toEqual([0, 1, 2, 3, 4, 6])
    for (const end of ends) end()
  })
})
