import { describe, expect, it } from 'vitest'
import { createMissRates } from '../../src/chain/miss-rates.ts'
import { createSpeculation, MOST_IN_EXCESS } from '../../src/chain/speculation.ts'
import { createRandom } from '../kit/random.ts'
import { sized } from '../kit/sample.ts'

function after(misses: readonly boolean[], name = 'a.jpg') {
  const rates = createMissRates()
  for (const missed of misses) rates.learn('r2', name, missed)
  return rates
}
const times = (count: number, missed: boolean): boolean[] => Array.from({ length: count }, () => missed)

describe('the likelihood of a miss', () => {
  it('is known after eight reads', () => {
    expect(after(times(7, true)).of('r2', 'a.jpg')).toBe(0)
    expect(after(times(8, true)).of('r2', 'a.jpg')).toBe(1)
    expect(after(times(8, true)).of('kv', 'a.jpg')).toBe(0)
  })

  it('is below a half six reads after a directory was migrated, and above soon after the opposite', () => {
    const migrated = [...times(1000, true), ...times(6, false)]
    expect(after(migrated, 'photos/a.jpg').of('r2', 'photos/b.jpg')).toBeLessThan(0.5)
    const lost = [...times(1000, false), ...times(6, true)]
    expect(after(lost, 'photos/a.jpg').of('r2', 'photos/b.jpg')).toBeGreaterThan(0.5)
  })

  it('is that of the directory, or of the next one above it of which enough is known', () => {
    const rates = after(times(20, true), 'old/2019/a.jpg')
    for (let read = 0; read < 20; read++) rates.learn('r2', 'new/2024/a.jpg', false)
    const of = (name: string): number => rates.of('r2', name)
    expect([of('old/2019/b.jpg'), of('old/2020/b.jpg'), of('old/b.jpg')]).toEqual([1, 1, 1])
    expect([of('new/2024/b.jpg'), of('new/x/y/z.jpg')]).toEqual([0, 0])
    const whole = of('other/b.jpg')
    expect(whole).toBeLessThan(0.2)
    expect([of('b.jpg'), of('/b.jpg')]).toEqual([whole, whole])
  })

  it('keeps what it knows in bounds', () => {
    const rates = after(times(8, true), 'first/a.jpg')
    for (let index = 0; index < 5000; index++) rates.learn('r2', `${index}/a.jpg`, false)
    expect(rates.of('r2', 'first/a.jpg')).toBeLessThan(0.01)
  })
})

describe('speculative requests that are not needed', () => {
  /** What really happens: a directory's share of misses, which changes at times. */
  function world(seed: number) {
    const { next, below } = createRandom(seed)
    let shares = [next(), next(), 1]
    return {
      next,
      below,
      isMiss(directory: number): boolean {
        if (below(200) === 0) shares = [next(), below(2), below(2)]
        return next() < (shares[directory] ?? 0)
      },
    }
  }

  it('are at most their share of the reads and a constant, whatever is read and however much at once', () => {
    let spent = 0
    for (let seed = 0; seed < sized(300, 30); seed++) {
      const { below, isMiss } = world(seed)
      const speculation = createSpeculation({ percent: 5 })
      const open: (() => void)[] = []
      const atOnce = 1 + below(1000)
      let extra = 0
      for (let read = 1; read <= 3000; read++) {
        const directory = below(3)
        const name = `${directory}/a.jpg`
        speculation.countRead()
        const missRate = speculation.missRates.of('r2', name)
        const settle = speculation.allows(missRate) ? speculation.begin('origin', missRate) : undefined
        open.push(() => {
          const missed = isMiss(directory)
          if (settle && !missed) extra += 1
          settle?.(missed)
          speculation.missRates.learn('r2', name, missed)
        })
        while (open.length >= atOnce) open.splice(below(open.length), 1)[0]?.()
        expect(extra).toBeLessThanOrEqual(0.05 * read + MOST_IN_EXCESS)
      }
      for (const settle of open) settle()
      expect(extra).toBeLessThanOrEqual(0.05 * 3000 + MOST_IN_EXCESS)
      expect(speculation.counts.get('origin')?.notNeeded ?? 0).toBe(extra)
      spent += extra
    }
    // Otherwise the bound would prove nothing.
    expect(spent).toBeGreaterThan(sized(300, 30) * 30)
  })

  it('are none of a thousand reads at once beyond the constant, though all were expected to miss', () => {
    const speculation = createSpeculation({ percent: 5 })
    for (let read = 0; read < 100; read++) speculation.missRates.learn('r2', 'a', true)
    const settles = Array.from({ length: 1000 }, () => {
      speculation.countRead()
      return speculation.allows(1) ? speculation.begin('origin', 1) : undefined
    })
    for (const settle of settles) settle?.(false)
    expect(speculation.counts.get('origin')?.notNeeded).toBeLessThanOrEqual(MOST_IN_EXCESS)
    expect(speculation.allows(1)).toBe(false)
    for (let read = 0; read < 1000; read++) speculation.countRead()
    expect(speculation.allows(1)).toBe(true)
  })

  it('are forgotten after a minute if the platform has ended their requests', () => {
    let time = 0
    const speculation = createSpeculation({ percent: 100, now: () => time })
    while (speculation.allows(1)) {
      speculation.countRead()
      speculation.begin('origin', 1)
    }
    time += 61_000
    // They count as not needed, so reads must first make up for them.
    expect(speculation.allows(1)).toBe(false)
    for (let read = 0; read < 50; read++) speculation.countRead()
    expect(speculation.allows(1)).toBe(true)
  })

  it('leave the allowance to those that are most likely needed', () => {
    const speculation = createSpeculation({ percent: 5 })
    const begin = (missRate: number): boolean => {
      if (!speculation.allows(missRate)) return false
      speculation.begin('origin', missRate)
      return true
    }
    while (begin(0.6)) speculation.countRead()
    expect([begin(0.6), begin(0.98), begin(0.4)]).toEqual([false, true, false])
  })
})
