import { describe, expect, it } from 'vitest'
import { type Chain, type ChainOptions, createChain } from '../../src/chain/fallback.ts'
import { createSpeculation, type Speculation } from '../../src/chain/speculation.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { mayBeStale, type Trace } from '../../src/storage/trace.ts'
import { withHeldBodies } from '../../src/wrappers/hold.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'
import { type Controlled, controlled, idle } from './controlled.ts'

/** Knows that these backends lack everything. */
function expecting(...missing: string[]): Speculation {
  const speculation = createSpeculation({ percent: 100 })
  for (const name of missing)
    for (let read = 0; read < 8; read++) speculation.missRates.learn(name, 'a', true)
  return speculation
}

function chainOf(backends: readonly Backend[], options: Partial<ChainOptions> = {}): Chain {
  const held = backends.map((backend, index) => (index === 0 ? backend : withHeldBodies(backend)))
  return createChain(held, { deletes: 'tombstone', ...options })
}

async function pair({ first: text }: { first?: string } = {}) {
  const first = await controlled('first', text)
  const second = await controlled('second', 'from second')
  const speculation = expecting('first')
  const trace: Trace = []
  const chain = chainOf([first, second], { speculation })
  const read = () => chain.get('a', { trace, speculative: true })
  return { first, second, speculation, chain, trace, read }
}

const readOnly = ({ put: _put, delete: _delete, ...backend }: Backend): Backend => backend
const shown = (trace: Trace) =>
  trace.map(({ backend, outcome, speculative }) => [backend, outcome, speculative])
const answer = ({ reads }: Controlled): void => reads.shift()?.answer()

describe('a read whose first backend probably lacks the name', () => {
  it('starts the next one at once, and gets its object once the first has answered', async () => {
    const { first, second, read, trace, speculation } = await pair()
    const found = read()
    await idle()
    expect([first.started(), second.started()]).toEqual([1, 1])
    answer(second)
    let isOver = false
    void found.then(() => (isOver = true))
    await idle()
    expect([isOver, second.isRead()]).toEqual([false, false])
    answer(first)
    expect(await textOf(await found)).toBe('from second')
    expect(shown(trace)).toEqual([
      ['first', 'absent', undefined],
      ['second', 'hit', true],
    ])
    expect(mayBeStale(trace)).toBe(false)
    expect(speculation.counts.get('second')).toEqual({ used: 1, notNeeded: 0 })
  })

  it('gets the first one’s object even if the next one was faster, whose body is cancelled unread', async () => {
    const { first, second, read, trace, speculation } = await pair({ first: 'from first' })
    const found = read()
    await idle()
    answer(second)
    await idle()
    answer(first)
    expect(await textOf(await found)).toBe('from first')
    await idle()
    expect([second.cancelled(), second.isRead()]).toEqual([1, false])
    expect(shown(trace)).toEqual([
      ['first', 'hit', undefined],
      ['second', 'cancelled', true],
    ])
    expect(mayBeStale(trace)).toBe(false)
    expect(speculation.counts.get('second')).toEqual({ used: 0, notNeeded: 1 })
  })

  it('cancels the next one’s request as soon as the first has the object', async () => {
    const { first, second, read } = await pair({ first: 'from first' })
    const found = read()
    await idle()
    const signal = second.reads[0]?.options?.signal
    answer(first)
    await found
    expect(signal?.aborted).toBe(true)
  })

  it('is absent if the first one has a tombstone, and the fallback’s object is not released', async () => {
    const { first, second, chain, read, trace } = await pair()
    first.isManual = false
    await chain.delete('a')
    first.isManual = true
    const found = read()
    await idle()
    answer(second)
    await idle()
    answer(first)
    expect(await found).toBeNull()
    await idle()
    expect([second.cancelled(), second.isRead()]).toEqual([1, false])
    expect(trace.map(({ outcome, detail }) => [outcome, detail])).toEqual([
      ['absent', 'deleted'],
      ['cancelled', undefined],
    ])
  })

  it('gets what a search one by one gets if the first one fails', async () => {
    const { first, second, read, trace, speculation } = await pair()
    const found = read()
    await idle()
    answer(second)
    await idle()
    first.reads.shift()?.fail()
    expect(await textOf(await found)).toBe('from second')
    expect(mayBeStale(trace)).toBe(true)
    expect(shown(trace)).toEqual([
      ['first', 'error', undefined],
      ['second', 'hit', true],
    ])
    expect(speculation.missRates.of('first', 'a')).toBe(1)
    expect(speculation.counts.get('second')).toEqual({ used: 1, notNeeded: 0 })
  })

  it('keeps a failure of the next one to itself while the first has the object', async () => {
    const { first, second, read, trace } = await pair({ first: 'from first' })
    const found = read()
    await idle()
    second.reads.shift()?.fail()
    await idle()
    answer(first)
    expect(await textOf(await found)).toBe('from first')
    expect(shown(trace)[1]).toEqual(['second', 'cancelled', true])
  })

  it('does the same for HEAD', async () => {
    const { first, second, chain } = await pair()
    const found = chain.head('a', { speculative: true })
    await idle()
    expect([first.started(), second.started()]).toEqual([1, 1])
    answer(second)
    answer(first)
    expect((await found)?.backend).toBe('second')
  })

  it('is not speculative unless it says so, as those of copies and writes do not', async () => {
    const { first, second, chain } = await pair()
    const found = chain.get('a')
    await idle()
    expect(second.started()).toBe(0)
    answer(first)
    await idle()
    answer(second)
    expect(await textOf(await found)).toBe('from second')
  })
})

describe('a read of three backends and more', () => {
  async function four() {
    const first = await controlled('first')
    const second = await controlled('second')
    const third = await controlled('third')
    const fourth = await controlled('fourth', 'from fourth')
    const speculation = expecting('first', 'second', 'third')
    const trace: Trace = []
    const chain = chainOf([first, second, third, fourth], { speculation })
    const started = () => [first, second, third, fourth].map((backend) => backend.started())
    return { first, second, third, fourth, speculation, trace, chain, started }
  }

  it('has two speculative requests at most, and starts another once one is not speculative any more', async () => {
    const { first, second, third, fourth, chain, started, trace } = await four()
    const found = chain.get('a', { speculative: true, trace })
    await idle()
    expect(started()).toEqual([1, 1, 1, 0])
    answer(third)
    await idle()
    expect(started()).toEqual([1, 1, 1, 0])
    answer(first)
    await idle()
    expect(started()).toEqual([1, 1, 1, 1])
    answer(fourth)
    await idle()
    answer(second)
    expect(await textOf(await found)).toBe('from fourth')
    expect(shown(trace).map(([, outcome]) => outcome)).toEqual(['absent', 'absent', 'absent', 'hit'])
  })

  it('starts the next of the next only if both probably lack the name', async () => {
    const { speculation, chain, started } = await four()
    for (let read = 0; read < 8; read++) speculation.missRates.learn('second', 'a', false)
    void chain.get('a', { speculative: true })
    await idle()
    expect(started()).toEqual([1, 1, 0, 0])
  })

  it('takes the earliest, in whatever order they answer', async () => {
    const { first, second, third, chain, trace } = await four()
    await second.put('a', bytesOf('from second'))
    await third.put('a', bytesOf('from third'))
    const found = chain.get('a', { speculative: true, trace })
    await idle()
    answer(third)
    await idle()
    answer(second)
    await idle()
    answer(first)
    expect(await textOf(await found)).toBe('from second')
    await idle()
    expect([third.cancelled(), third.isRead()]).toEqual([1, false])
    expect(shown(trace).map(([, outcome]) => outcome)).toEqual(['absent', 'hit', 'cancelled'])
  })

  it('starts nothing behind a tombstone', async () => {
    const { first, second, chain, started } = await four()
    second.isManual = false
    await chainOf([second, first]).delete('a')
    const found = chain.get('a', { speculative: true })
    await idle()
    answer(first)
    expect(await found).toBeNull()
    expect(started()).toEqual([1, 1, 1, 0])
  })

  it('does not start a backend early to which a large object can move from a smaller one', async () => {
    const small = { ...(await controlled('small')), maxSize: 10 }
    const large = await controlled('large', 'from large')
    const old = await controlled('old')
    const chain = chainOf([small, large, readOnly(old)], { speculation: expecting('small', 'large') })
    const found = chain.get('a', { speculative: true })
    await idle()
    expect([small, large, old].map(({ started }) => started())).toEqual([1, 0, 0])
    answer(small)
    await idle()
    expect([small, large, old].map(({ started }) => started())).toEqual([1, 1, 1])
    answer(large)
    expect(await textOf(await found)).toBe('from large')
  })
})

describe('hedge_ms and speculative requests together', () => {
  it('release the next one’s object once the first has been silent for so long, as possibly stale', async () => {
    const { first, second, speculation, trace } = await pair()
    const chain = chainOf([first, second], { speculation, hedgeMs: { first: 30 } })
    const found = chain.get('a', { speculative: true, trace })
    await idle()
    answer(second)
    expect(await textOf(await found)).toBe('from second')
    expect(shown(trace)).toEqual([
      ['first', 'timeout', undefined],
      ['second', 'hit', true],
    ])
    expect(mayBeStale(trace)).toBe(true)
    expect(first.reads[0]?.options?.signal?.aborted).toBe(true)
  })

  it('count a backend’s silence from its turn on, not from its early start', async () => {
    const [first, second] = [await controlled('first'), await controlled('second', 'from second')]
    const third = await controlled('third', 'from third')
    const chain = chainOf([first, second, third], {
      speculation: expecting('first'),
      hedgeMs: { second: 1000 },
    })
    const found = chain.get('a', { speculative: true })
    await new Promise((resolve) => setTimeout(resolve, 1100))
    answer(first)
    await idle()
    expect(third.started()).toBe(0)
    answer(second)
    expect(await textOf(await found)).toBe('from second')
  })

  it('wait for a backend without hedge_ms although an earlier one was silent', async () => {
    const [first, second] = [
      await controlled('first', 'from first'),
      await controlled('second', 'from second'),
    ]
    const third = await controlled('third', 'from third')
    const chain = chainOf([first, second, third], { hedgeMs: { first: 5 } })
    const found = chain.get('a')
    await expect.poll(() => second.started()).toBe(1)
    first.reads[0]?.fail()
    await idle()
    expect(third.started()).toBe(0)
    answer(second)
    expect(await textOf(await found)).toBe('from second')
  })
})

it('an object of a read-only backend is cancelled if it cannot be found out whether it was deleted behind it', async () => {
  const [first, writer] = [await controlled('first', 'from first'), await controlled('writer')]
  const chain = chainOf([readOnly(first), writer])
  const found = chain.get('a').catch((error: unknown) => error)
  answer(first)
  await idle()
  // The check of the first one's object, then the writer's own turn.
  for (const _ of [0, 1]) {
    writer.reads.shift()?.fail()
    await idle()
  }
  expect(await found).toMatchObject({ code: 'unavailable' })
  expect([first.cancelled(), first.isRead()]).toEqual([1, false])
})

it('a speculative request for an object of a read-only backend before the writer is one request until its turn', async () => {
  const first = await controlled('first', 'from first')
  const [second, writer] = [await controlled('second', 'from second'), await controlled('writer')]
  const chain = chainOf([readOnly(first), readOnly(second), writer], { speculation: expecting('first') })
  const found = chain.head('a', { speculative: true })
  await idle()
  answer(second)
  await idle()
  expect(writer.started()).toBe(0)
  answer(first)
  await idle()
  answer(writer)
  expect((await found)?.backend).toBe('first')
  expect(writer.started()).toBe(1)
})
