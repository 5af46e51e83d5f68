import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pLimit from 'p-limit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { opensBreaker } from './expected.ts'
import type { FaultCase } from '../kit/origin/fault-case.ts'
import { faults, type FaultName } from '../kit/origin/faults.ts'
import { startSite, TOKEN, type Site } from '../kit/worker/site.ts'
import { startOrigin, type Origin } from '../kit/origin/origin.ts'
import { serve } from '../kit/origin/serve.ts'
import type { Fault } from '../kit/origin/spoil.ts'

const BODY = Buffer.alloc(196_608, 'believe it')
const NOT_COPYING = { FALLBACK_DATA_MIGRATION: 'false' }
const TIMES = { timeout_ms: 400, idle_timeout_ms: 400 }
/** Where only some of the backends hang, and the others must not be taken for such. */
const PATIENT_TIMES = { timeout_ms: 2000, idle_timeout_ms: 2000 }

let old: Origin
let spare: Origin

beforeAll(async () => {
  ;[old, spare] = await Promise.all([startOrigin(), startOrigin()])
})
afterAll(() => Promise.all([old.close(), spare.close()]))

interface Health {
  name: string
  health: { state: string; failures: number }
}

async function healthOf(site: Site): Promise<Map<string, Health['health']>> {
  const response = await fetch(`${site.url}-/api/backends`, {
    headers: { Authorization: `Bearer ${TOKEN}` },
  })
  const { backends } = (await response.json()) as { backends: Health[] }
  return new Map(backends.map(({ name, health }) => [name, health]))
}

/** Reads `path`; returns which backend answered, the Cache-Control, and whether the old one was waited for in vain. */
async function read(site: Site, path: string) {
  const response = await fetch(site.url + path)
  await response.arrayBuffer().catch(() => {})
  return {
    from: response.headers.get('Cache-Status')?.replace(/.*detail=/, ''),
    cacheControl: response.headers.get('Cache-Control'),
    waited: /^old;[^,]*desc=timeout/.test(response.headers.get('Server-Timing') ?? ''),
  }
}

describe('a primary and a fallback with the same object', () => {
  let site: Site

  async function reads(times: number, fault: Fault, timeouts: object = TIMES) {
    const storages = ['old', 'spare'].map((name) => {
      const { url } = name === 'old' ? old : spare
      return { type: 'http', name, url, ...timeouts }
    })
    site = await startSite({ storages, vars: NOT_COPYING })
    try {
      for (const origin of [old, spare]) origin.add('a.bin', BODY, { type: 'application/octet-stream' })
      await old.set('a.bin', fault)
      const seen: Awaited<ReturnType<typeof read>>[] = []
      for (let time = 0; time < times; time++) seen.push(await read(site, 'a.bin'))
      return seen
    } finally {
      await site.close()
      await old.reset()
    }
  }

  /** Applies the fault to those of every ten requests. */
  function often(fault: Fault, isFaulty: (request: number) => boolean): Fault {
    let requests = 0
    return (exchange) => (isFaulty(requests++ % 10) ? fault(exchange) : serve(exchange))
  }

  it('is skipped if it hangs nine times in ten, so that few reads wait for it', async () => {
    const seen = await reads(
      30,
      often(
        () => undefined,
        (request) => request < 9,
      ),
    )
    const count = seen.filter(({ waited }) => waited).length
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(8)
    expect(seen.every(({ from, cacheControl }) => from === 'old' || cacheControl === 'no-store')).toBe(true)
  })

  it('is still tried when it fails one request in ten', async () => {
    const seen = await reads(
      60,
      often(faults.status500.fault, (request) => request === 0),
      // Nothing hangs here, so no slow response may count as a failure.
      { timeout_ms: 10_000, idle_timeout_ms: 10_000 },
    )
    expect(seen.filter(({ from }) => from === 'old')).toHaveLength(54)
    const others = seen.filter(({ from }) => from !== 'old')
    expect(new Set(others.map(({ cacheControl }) => cacheControl))).toEqual(new Set(['no-store']))
  })
})

it('is not opened for R2 by twelve uploads that their clients cut off', async () => {
  const site = await startSite({ storages: [{ type: 'r2', binding: 'MEDIA' }] })
  try {
    const { hostname, port } = new URL(site.url)
    const cutOff = (name: string) =>
      new Promise<void>((resolve) => {
        const socket = connect(Number(port), hostname, () => {
          socket.write(
            `PUT /${name} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 100000\r\n\r\n0123456789`,
          )
          setTimeout(() => {
            socket.destroy()
            resolve()
          }, 200)
        })
      })
    await Promise.all(Array.from({ length: 12 }, (_, index) => cutOff(`cut${index}.bin`)))
    await sleep(500)
    expect((await healthOf(site)).get('media')).toMatchObject({ state: 'closed', failures: 0 })
    expect((await fetch(`${site.url}other.bin`)).headers.get('Server-Timing')).toContain('desc=absent')
  } finally {
    await site.close()
  }
})

/** A separate backend for each fault, since each backend has one breaker. */
describe('the breaker of a web server that does the same six times', () => {
  const cases = Object.entries(faults) as [FaultName, FaultCase][]
  let health: Map<string, Health['health']>

  beforeAll(async () => {
    const closed = await startOrigin()
    await closed.close()
    const storages = cases.map(([name, { fault }]) => ({
      type: 'http',
      name,
      url: fault === null ? closed.url : old.url,
      include: `^${name}\\.jpg$`,
      ...PATIENT_TIMES,
    }))
    const site = await startSite({
      // A primary would be tried again after five seconds, whatever the variable says.
      storages: [{ type: 'r2', binding: 'MEDIA' }, ...storages],
      // Open until the end, however slow the machine is.
      vars: { ...NOT_COPYING, FALLBACK_NEGATIVE_CACHE_SECONDS: '0', FALLBACK_BREAKER_SECONDS: '300' },
    })
    const limit = pLimit(12)
    try {
      for (const [name, { fault }] of cases) {
        old.add(`${name}.jpg`, BODY, { type: 'image/jpeg' })
        if (fault) await old.set(`${name}.jpg`, fault)
      }
      const names = cases.flatMap(([name]) => Array.from({ length: 6 }, () => name))
      await Promise.all(names.map((name) => limit(() => read(site, `${name}.jpg`).catch(() => {}))))
      health = await healthOf(site)
    } finally {
      await site.close()
      await old.reset()
    }
  })

  it.each(cases)('%s', (name, fault) => {
    // Half-open is one that has been open for as long as the origin's Retry-After says.
    expect(health.get(name)?.state).toMatch(opensBreaker(fault) ? /open$/ : 'closed')
  })
})
