import { describe, expect, it } from 'vitest'
import { answering, OLD, R2, startApp } from '../kit/app.ts'
import { ifRangeHolds } from '../../src/http/conditional.ts'
import { parseRange, resolveRange } from '../../src/http/range.ts'

const BODY = Uint8Array.from({ length: 1000 }, (_, index) => index % 251)
const MODIFIED = new Date('2024-05-01T12:00:00Z')
/** The tag that the Worker derives from time and size if the origin has none. */
const MADE = `"${(MODIFIED.getTime() / 1000).toString(16)}-${BODY.length.toString(16)}"`

interface Habits {
  etag?: string
  ignoresIfRange?: boolean
}

/** The Worker before an origin with one object, and the body bytes of each of the origin's responses. */
function site({ etag, ignoresIfRange = false }: Habits): { get: Get; sent: number[] } {
  const sent: number[] = []
  const answer = (body: Uint8Array, status: number, own: Record<string, string> = {}): Response => {
    sent.push(body.length)
    const headers = { 'Last-Modified': MODIFIED.toUTCString(), 'Content-Length': `${body.length}`, ...own }
    return new Response(body, { status, headers: { ...headers, ...(etag !== undefined && { ETag: etag }) } })
  }
  const origin = answering(({ headers }) => {
    const wanted = parseRange(headers.get('Range'))
    const holds = ifRangeHolds(headers.get('If-Range'), {
      modified: MODIFIED,
      ...(etag !== undefined && { etag }),
    })
    if (!wanted || !(holds || ignoresIfRange)) return answer(BODY, 200)
    const range = resolveRange(wanted, BODY.length)
    if (range === 'unsatisfiable') return answer(new Uint8Array(0), 416, { 'Content-Range': 'bytes */1000' })
    const part = BODY.subarray(range.start, range.end + 1)
    return answer(part, 206, { 'Content-Range': `bytes ${range.start}-${range.end}/1000` })
  })
  const { call } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: origin })
  return {
    sent,
    async get(range, ifRange) {
      const headers = { Range: range, 'If-Range': ifRange }
      const response = await call('/video.mp4', { headers })
      return [response.status, new Uint8Array(await response.arrayBuffer())]
    },
  }
}

type Get = (range: string, ifRange: string) => Promise<[number, Uint8Array]>

const LATER = 'Thu, 02 May 2024 12:00:00 GMT'

describe('a part of an object that has changed', () => {
  it.each([
    ['by its tag', { etag: '"new"' }, '"old"'],
    ['by its time', { etag: '"new"' }, LATER],
    ["by nginx's tag", { etag: MADE }, '"66320000-3e8"'],
    ['by a tag that the origin never gave', {}, '"old"'],
    ['by its time, where the origin has no tags', {}, LATER],
  ])('is answered by the whole, in one request to the origin: %s', async (_, habits, ifRange) => {
    const { get, sent } = site(habits)
    expect(await get('bytes=100-199', ifRange)).toEqual([200, BODY])
    expect(sent).toEqual([1000])
  })

  it('gets the whole object even if the range begins after the end', async () => {
    const { get, sent } = site({ etag: '"new"' })
    expect(await get('bytes=5000-', '"old"')).toEqual([200, BODY])
    expect(sent).toEqual([1000])
  })

  it('gets the whole object, in a second request, if an origin ignores If-Range', async () => {
    const { get, sent } = site({ etag: '"new"', ignoresIfRange: true })
    expect(await get('bytes=100-199', '"old"')).toEqual([200, BODY])
    expect(sent).toEqual([100, 1000])
  })
})

describe('a part of an unchanged object', () => {
  it.each([
    ['by its tag', { etag: '"new"' }, '"new"'],
    ['by its time', { etag: '"new"' }, MODIFIED.toUTCString()],
    ['by its time, where the origin has no tags', {}, MODIFIED.toUTCString()],
    ['by the tag that we make where the origin has none', {}, MADE],
    ["by nginx's tag, of the same form", { etag: MADE }, MADE],
    ["by Apache's tag", { etag: '"10000000-5f0c2e1d7a3c0"' }, '"10000000-5f0c2e1d7a3c0"'],
  ])('is all that the origin sends: %s', async (_, habits, ifRange) => {
    const { get, sent } = site(habits)
    expect(await get('bytes=100-199', ifRange)).toEqual([206, BODY.subarray(100, 200)])
    expect(sent).toEqual([100])
  })

  it('is cut out of the whole object if a tag only looks as if it were derived from the time', async () => {
    const { get, sent } = site({ etag: `"${'0'.repeat(8)}-0"` })
    expect(await get('bytes=100-199', `"${'0'.repeat(8)}-0"`)).toEqual([206, BODY.subarray(100, 200)])
    expect(sent).toEqual([1000])
  })
})

describe('a range beyond the end', () => {
  it.each([{ 'If-None-Match': '"old"' }, { 'If-Range': '"new"' }, { 'If-Match': '*' }])(
    'of an object that grew meanwhile is answered by the whole: %j',
    async (condition: Record<string, string>) => {
      let size = 1000
      const origin = answering(({ method, headers }) => {
        if (headers.has('Range') && size === 1000) {
          size = 1500
          return new Response(null, { status: 416, headers: { 'Content-Range': 'bytes */1000' } })
        }
        const body = method === 'HEAD' ? null : 'x'.repeat(size)
        return new Response(body, { headers: { ETag: '"new"', 'Content-Length': `${size}` } })
      })
      const { call } = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: origin })
      const response = await call('/a.log', { headers: { Range: 'bytes=1000-', ...condition } })
      expect([response.status, (await response.text()).length]).toEqual([200, 1500])
    },
  )

  it('of a deleted object is 404, even if a read-only backend before the tombstone has it', async () => {
    const origin = answering(({ method, headers }) =>
      headers.has('Range')
        ? new Response(null, { status: 416, headers: { 'Content-Range': 'bytes */3' } })
        : new Response(method === 'HEAD' ? null : 'old', { headers: { 'Content-Length': '3' } }),
    )
    const { call } = startApp({ FALLBACK_STORAGES: [OLD, R2], OLD: origin })
    const range = { headers: { Range: 'bytes=1000-' } }
    const before = await call('/a.mp4', range)
    expect([before.status, before.headers.get('Content-Range')]).toEqual([416, 'bytes */3'])
    expect((await call('/a.mp4', { method: 'DELETE' })).status).toBe(204)
    expect((await call('/a.mp4', range)).status).toBe(404)
  })
})
