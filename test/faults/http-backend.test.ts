import { hash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Call, Report } from '../kit/http-report.ts'
import type { Effect, FaultCase } from '../kit/origin/fault-case.ts'
import { faults, type FaultName } from '../kit/origin/faults.ts'
import { startRemoteHttp, type RemoteHttp } from '../kit/worker/remote-http.ts'
import { startOrigin, type Origin } from '../kit/origin/origin.ts'
import { delay, drip, dropEvery, once } from '../kit/origin/spoil.ts'

const NAME = 'photos/a b.jpg'
const CONTENT = Buffer.from('0123456789abcdef'.repeat(4096))
const RANGE = { offset: 1000, length: 5000 }
const PATIENCE = 700

let origin: Origin
let backend: RemoteHttp

beforeAll(async () => {
  origin = await startOrigin()
  backend = await startRemoteHttp()
})
afterEach(() => origin.reset())
afterAll(async () => {
  await backend.stop()
  await origin.close()
})

function run(call: Partial<Call> = {}): Promise<Report> {
  const defaults = { options: { url: origin.url }, operation: 'get', name: NAME, patience: PATIENCE } as const
  return backend.run({ ...defaults, ...call })
}

/** The report in the words of the table; anything unexpected is returned unchanged. */
function effectOf({ absent, error, body }: Report, part: Buffer): Effect | Report {
  if (absent) return 'absent'
  if (error) return error.code as Effect
  if (body?.broke !== undefined) return body.broke.includes('stalled') ? 'stalls' : 'breaks'
  const isRight = !body || (body.length === part.length && body.sha256 === hash('sha256', part))
  return isRight ? 'object' : { ...(body && { body }) }
}

const cases = Object.entries(faults) as [FaultName, FaultCase][]

describe.each(cases)('when the origin %s', (fault, { does, get, range, head }) => {
  it(`${does}: a GET comes to "${get}", a range to "${range}", a HEAD to "${head}"`, async () => {
    origin.add(NAME, CONTENT, { type: 'image/jpeg' })
    await origin.set('*', fault)
    const whole = await run()
    const part = await run({ range: RANGE })
    const info = await run({ operation: 'head' })
    // No part can be cut out of a body of unknown size: the whole body is returned, without a range.
    const isPart = part.info?.range !== undefined
    const expected = isPart ? CONTENT.subarray(RANGE.offset, RANGE.offset + RANGE.length) : CONTENT
    expect({
      get: effectOf(whole, CONTENT),
      range: effectOf(part, expected),
      head: effectOf(info, CONTENT),
    }).toEqual({ get, range, head })
    const sizes = new Set([CONTENT.length])
    for (const report of [whole, part, info]) {
      expect(report.error?.message ?? '').not.toMatch(/\d+\.\d+\.\d+|localhost|passwd|:\d+/)
      if (effectOf(report, CONTENT) !== 'breaks') sizes.add(report.info?.size ?? CONTENT.length)
    }
    expect([...sizes]).toEqual([CONTENT.length])
  })
})

/** A listing is a body that is read to its end at once; an empty root does not prove that nothing is there. */
const LISTED: Partial<Record<Effect, Effect>> = {
  breaks: 'unavailable',
  stalls: 'timeout',
  absent: 'unavailable',
}

it.each(cases)('lists all or fails, never less, on %s', async (fault, { get }) => {
  const entries = Array.from({ length: 1000 }, (_, index) => ({ name: `${1000 + index}.jpg`, type: 'file' }))
  origin.add('', JSON.stringify(entries), { type: 'application/json' })
  await origin.set('*', fault)
  const options = { url: origin.url, listing: 'autoindex-json' } as const
  const { page, error } = await run({ options, operation: 'list' })
  const outcome = page?.objects.length === entries.length ? 'object' : (error?.code ?? page)
  expect(outcome).toBe(LISTED[get] ?? get)
})

it.each(['gzip', 'brotli'] as const)(
  'returns neither the size nor the coding of %s that it did not request',
  async (fault) => {
    origin.add(NAME, CONTENT, { etag: '"abc"' })
    await origin.set(NAME, fault)
    for (const operation of ['get', 'head'] as const) {
      const { info } = await run({ operation })
      expect(info).toMatchObject({ etag: 'W/"abc"' })
      expect(Object.keys(info ?? {})).not.toContain('size')
      expect(Object.keys(info ?? {})).not.toContain('contentEncoding')
    }
  },
)

it('requests a part once and gets no more than that part', async () => {
  origin.add(NAME, CONTENT)
  const { info, body } = await run({ range: RANGE })
  expect(info).toMatchObject({ size: CONTENT.length, range: { start: 1000, end: 5999 } })
  expect(body?.length).toBe(5000)
  expect(origin.count(NAME)).toEqual({ requests: 1, bytes: 5000 })
})

it('reports the Retry-After of the origin', async () => {
  await origin.set('*', 'status429')
  expect((await run()).error).toMatchObject({ code: 'unavailable', status: 429, retryAfter: 7000 })
})

it('waits for late headers and slow bodies within its time limits', async () => {
  origin.add(NAME, CONTENT)
  await origin.set(NAME, delay(PATIENCE / 3))
  expect(effectOf(await run(), CONTENT)).toBe('object')
  await origin.set(NAME, drip(CONTENT.length / 2))
  expect(effectOf(await run(), CONTENT)).toBe('object')
})

it('can fetch the rest by range after a connection failed', async () => {
  origin.add(NAME, CONTENT)
  await origin.set(NAME, dropEvery(40_000))
  const first = await run()
  expect(first.body).toMatchObject({ length: 40_000, broke: expect.stringContaining('connection') })
  const rest = await run({ range: { offset: 40_000 } })
  expect(effectOf(rest, CONTENT.subarray(40_000))).toBe('object')
})

it('finds an origin healthy again after a fault, and after its port was closed', async () => {
  origin.add(NAME, CONTENT)
  await origin.set(
    NAME,
    once((exchange) => exchange.request.socket.resetAndDestroy()),
  )
  expect((await run()).error).toMatchObject({ code: 'unavailable' })
  expect(effectOf(await run(), CONTENT)).toBe('object')
  await origin.set('*', 'refuse')
  expect((await run()).error).toMatchObject({ code: 'unavailable' })
  await origin.set('*', null)
  await origin.set(NAME, null)
  expect(effectOf(await run(), CONTENT)).toBe('object')
})

describe('a client of the Worker', () => {
  const NAMED = 'a.bin'

  async function download(headers: Record<string, string> = {}): Promise<Response> {
    return fetch(new URL(`/${NAMED}?origin=${encodeURIComponent(origin.url)}`, backend.url), { headers })
  }

  it.each(['truncate', 'resetBody', 'announceMore', 'chunkedTruncate', 'gzipTruncate'] as const)(
    'sees the download fail, never end short, on %s',
    async (fault) => {
      origin.add(NAMED, CONTENT)
      await origin.set(NAMED, fault)
      await expect(
        download()
          .then((response) => response.arrayBuffer())
          .then(({ byteLength }) => byteLength),
      ).rejects.toThrow(/terminated|failed/)
    },
  )

  it.each(['gzip', 'brotli', 'chunked', 'lengthAndChunked', 'ignoreRange', 'overSend'] as const)(
    'gets the right bytes under headers that agree with them on %s',
    async (fault) => {
      origin.add(NAMED, CONTENT)
      await origin.set(NAMED, fault)
      const whole = await download({ 'Accept-Encoding': 'identity' })
      expect(whole.headers.get('Content-Encoding')).toBeNull()
      expect(hash('sha256', Buffer.from(await whole.arrayBuffer()))).toBe(hash('sha256', CONTENT))
      const part = await download({ Range: 'bytes=10-19', 'Accept-Encoding': 'identity' })
      const bytes = Buffer.from(await part.arrayBuffer())
      expect(hash('sha256', bytes)).toBe(
        hash('sha256', part.status === 206 ? CONTENT.subarray(10, 20) : CONTENT),
      )
    },
  )
})
