import { afterAll, beforeAll, expect, it } from 'vitest'
import { eventually } from '../kit/eventually.ts'
import { type Origin, startOrigin } from '../kit/origin/origin.ts'
import { serve } from '../kit/origin/serve.ts'
import { delay, type Fault } from '../kit/origin/spoil.ts'
import { type Site, startSite } from '../kit/worker/site.ts'

const LARGE = Buffer.alloc(8 * 1024 * 1024, 'large ')
const IDLE_MS = 2000

let site: Site
let first: Origin
let old: Origin

beforeAll(async () => {
  first = await startOrigin()
  old = await startOrigin()
  site = await startSite({
    storages: [
      { type: 'http', name: 'first', url: first.url },
      { type: 'http', name: 'old', url: old.url, idle_timeout_ms: IDLE_MS },
    ],
    // Some of the requests here are cancelled.
    vars: { FALLBACK_SPECULATIVE_PERCENT: '100' },
  })
  for (let index = 0; index < 8; index++) {
    old.add(`learn-${index}`, 'x')
    await (await site.fetch(`/learn-${index}`)).text()
  }
})
afterAll(async () => {
  await site?.close()
  await first?.close()
  await old?.close()
})

/** Notes whether the client closes the connection before the response has ended. */
function watched(fault: Fault): { fault: Fault; isCancelled: () => boolean } {
  let isCancelled = false
  const watch: Fault = (exchange) => {
    exchange.response.on('close', () => (isCancelled = !exchange.response.writableFinished))
    fault(exchange)
  }
  return { fault: watch, isCancelled: () => isCancelled }
}

/** Answers only when the test says so. */
function held() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const fault: Fault = (exchange) => void promise.then(() => serve(exchange))
  return { fault, release: resolve }
}

async function requested(origin: Origin, name: string): Promise<void> {
  await eventually(
    () => `a request for ${name}`,
    async () => (origin.count(name).requests > 0 ? true : null),
  )
}

it.each([
  ['has not answered', 'silent', (): void => {}],
  ['has begun a large body', 'begun', serve],
])(
  'the origin sees its request cancelled once the first backend has the object, if it %s',
  async (_, name, fault) => {
    first.add(name, 'from first')
    old.add(name, LARGE)
    const primary = held()
    const { fault: noted, isCancelled } = watched(fault)
    await first.set(name, primary.fault)
    await old.set(name, noted)
    const answer = site.fetch(`/${name}`)
    await requested(old, name)
    primary.release()
    const response = await answer
    expect(await response.text()).toBe('from first')
    expect(response.headers.get('Server-Timing')).toMatch(/^first;.*desc=hit, old;.*desc=cancelled$/)
    await eventually(
      () => 'the origin’s connection to be closed',
      async () => (isCancelled() ? true : null),
    )
    expect([first.count(name).requests, old.count(name).requests]).toEqual([1, 1])
  },
)

it.each([
  ['small', Buffer.from('small')],
  ['large', LARGE],
])(
  'a %s body is whole after it was held for longer than its idle timeout, from one request',
  async (name, body) => {
    old.add(name, body)
    await first.set(name, delay(3 * IDLE_MS))
    const response = await site.fetch(`/${name}`)
    expect(Buffer.from(await response.arrayBuffer()).equals(body)).toBe(true)
    expect(response.headers.get('Server-Timing')).toMatch(
      /^first;.*desc=absent, old;.*desc="hit; speculative"$/,
    )
    expect([first.count(name).requests, old.count(name).requests]).toEqual([1, 1])
  },
)

it('twenty clients at once that miss share one request to the origin', async () => {
  old.add('shared', LARGE)
  const primary = held()
  await first.set('shared', primary.fault)
  const answers = Promise.all(
    Array.from({ length: 20 }, async () => Buffer.from(await (await site.fetch('/shared')).arrayBuffer())),
  )
  await eventually(
    () => `twenty requests, not ${first.count('shared').requests}`,
    async () => (first.count('shared').requests === 20 ? true : null),
  )
  primary.release()
  const bodies = await answers
  expect(bodies.every((body) => body.equals(LARGE))).toBe(true)
  expect(old.count('shared').requests).toBe(1)
})
