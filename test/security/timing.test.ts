import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Origin, startOrigin } from '../kit/origin/origin.ts'
import { signPath } from '../kit/servers/sign-url.ts'
import { type Site, startSite } from '../kit/worker/site.ts'

const KEY = { id: 'a', key: 'a key that signs the URLs of this test' }
const UNKNOWN = { ...KEY, key: 'a key that the Worker does not know at all' }
const SPLITS = 500

let origin: Origin
let site: Site
const agent = new Agent({ keepAlive: true, maxSockets: 1 })

beforeAll(async () => {
  origin = await startOrigin()
  origin.add('exists.bin', Buffer.alloc(1000))
  site = await startSite({
    storages: [{ type: 'http', name: 'old', url: origin.url }],
    vars: {
      MEDIA_ACCESS: 'signed',
      URL_SIGNING_KEYS: JSON.stringify([KEY]),
      FALLBACK_DATA_MIGRATION: 'false',
      FALLBACK_NEGATIVE_CACHE_SECONDS: '0',
    },
  })
})

afterAll(async () => {
  agent.destroy()
  await site?.close()
  await origin?.close()
})

/** Milliseconds until a HEAD is answered, and with which status. */
function time(path: string): Promise<{ status: number | undefined; duration: number }> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    request(new URL(path, site.url), { agent, method: 'HEAD' }, (response) => {
      const duration = performance.now() - started
      text(response).then(() => resolve({ status: response.statusCode, duration }), reject)
    })
      .on('error', reject)
      .end()
  })
}

function shuffled<T>(list: readonly T[]): T[] {
  const rest = [...list]
  for (let at = rest.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    ;[rest[at], rest[other]] = [rest[other]!, rest[at]!]
  }
  return rest
}

function median(durations: readonly number[]): number {
  const sorted = [...durations].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** How far the medians of two halves of one class are apart at most, over many random halvings: what chance alone does. */
function noise(durations: readonly number[]): number {
  let most = 0
  for (let split = 0; split < SPLITS; split++) {
    const mixed = shuffled(durations)
    const half = mixed.length / 2
    most = Math.max(most, Math.abs(median(mixed.slice(0, half)) - median(mixed.slice(half))))
  }
  return most
}

/** The durations of so many requests for each path, in random order; each path always gets its status. */
async function measure(statuses: Record<string, number>, count: number): Promise<number[][]> {
  const paths = Object.keys(statuses)
  const durations = new Map(paths.map((path) => [path, [] as number[]]))
  for (const path of shuffled(paths.flatMap((path) => Array.from({ length: count }, () => path)))) {
    const { status, duration } = await time(path)
    if (status !== statuses[path]) throw new Error(`${path} answered ${status}`)
    durations.get(path)?.push(duration)
  }
  return [...durations.values()]
}

function compare([some = [], others = []]: readonly number[][]) {
  return {
    difference: Math.abs(median(some) - median(others)),
    noise: Math.max(noise(some), noise(others)),
  }
}

describe('the time of a refusal', () => {
  it.each([
    ['not signed', (path: string) => path, 2000],
    ['signed with a wrong key', (path: string) => signPath(path, UNKNOWN), 500],
  ])('is the same for an object and for nothing, if the URL is %s', async (_, wrong, count) => {
    const refused = { [wrong('/exists.bin')]: 403, [wrong('/absent.bin')]: 403 }
    // The first requests compile the code.
    await measure(refused, 200)
    const asked = origin.requests.length
    const timed = compare(await measure(refused, count))
    expect(timed.difference).toBeLessThanOrEqual(timed.noise)
    expect(origin.requests.length).toBe(asked)
  })

  // On a busy machine, chance alone may do as much once.
  it('would be another if a backend were asked: this test can see the difference', { retry: 2 }, async () => {
    const timed = compare(await measure({ [signPath('/exists.bin', KEY)]: 200, '/exists.bin': 403 }, 300))
    expect(timed.difference).toBeGreaterThan(timed.noise)
  })
})
