import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDeadlines } from '../../src/storage/deadlines.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Which of the deadlines have expired, and a function that starts one. */
function started() {
  const startDeadline = createDeadlines()
  const expired: string[] = []
  const start = (name: string, ms: number) => startDeadline(ms, () => void expired.push(name))
  return { start, expired }
}

describe('the deadlines of an invocation', () => {
  it('expire in time, whichever was started first', () => {
    const { start, expired } = started()
    start('long', 1000)
    start('short', 100)
    start('middle', 500)
    vi.advanceTimersByTime(99)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(1)
    expect(expired).toEqual(['short'])
    vi.advanceTimersByTime(400)
    expect(expired).toEqual(['short', 'middle'])
    vi.advanceTimersByTime(500)
    expect(expired).toEqual(['short', 'middle', 'long'])
  })

  it('do not expire once they are cancelled, and the others do', () => {
    const { start, expired } = started()
    const cancel = start('cancelled', 100)
    start('kept', 150)
    cancel()
    vi.advanceTimersByTime(150)
    expect(expired).toEqual(['kept'])
  })

  it('expire if they begin before the timer of an earlier one has fired, or after', () => {
    const { start, expired } = started()
    start('first', 100)()
    vi.advanceTimersByTime(60)
    start('second', 100)
    vi.advanceTimersByTime(99)
    expect(expired).toEqual([])
    vi.advanceTimersByTime(1)
    expect(expired).toEqual(['second'])
    start('third', 100)
    vi.advanceTimersByTime(100)
    expect(expired).toEqual(['second', 'third'])
  })

  it('share one timer, which is the last of them', () => {
    const { start } = started()
    for (let lookup = 0; lookup < 3; lookup++) start(`${lookup}`, 100)()
    expect(vi.getTimerCount()).toBe(1)
    vi.advanceTimersByTime(100)
    expect(vi.getTimerCount()).toBe(0)
  })
})
