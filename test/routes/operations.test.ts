import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { answering, bucketWith, fill, media, OLD, R2, startApp } from '../kit/app.ts'
import { eventually } from '../kit/eventually.ts'
import { BUCKET, startS3 } from '../kit/s3-client.ts'

const TEXT = '0123456789'
/** When objects of `fill` were modified. */
const MODIFIED = 'Sun, 09 Sep 2001 01:46:40 GMT'

beforeEach(async () => {
  await fill(media, { 'in/a.jpg': TEXT, 'in/b.jpg': TEXT })
  await startApp().chain.delete('old/gone.jpg')
})
afterEach(() => reset())

/** The Worker over R2 and an origin that has what is below `old/`, and what it sent to both, in order. */
function counted(settings: Record<string, unknown> = {}) {
  const sent: string[] = []
  const noting =
    <Args extends unknown[], Result>(what: string, call: (...args: Args) => Result) =>
    (...args: Args): Result => {
      sent.push(what)
      return call(...args)
    }
  const bucket = env.MEDIA
  const MEDIA = bucketWith({
    get: noting('get', bucket.get.bind(bucket)) as R2Bucket['get'],
    head: noting('head', bucket.head.bind(bucket)),
    put: noting('put', bucket.put.bind(bucket)) as R2Bucket['put'],
    list: noting('list', bucket.list.bind(bucket)),
  })
  const origin = answering(({ method, url }) => {
    sent.push(`origin ${method}`)
    const isThere = new URL(url).pathname.startsWith('/old/')
    return new Response(isThere ? TEXT : null, {
      status: isThere ? 200 : 404,
      headers: { ETag: '"old"', ...(isThere && { 'Content-Length': `${TEXT.length}` }) },
    })
  })
  return { ...startS3({ MEDIA, OLD: origin, FALLBACK_STORAGES: [R2, OLD], ...settings }), sent }
}

interface Row {
  method?: string
  headers?: Record<string, string>
  settings?: Record<string, unknown>
  status?: number
  /** What is sent for it. */
  sends: string
}

const PUBLIC_OLD = { ...OLD, public_url: 'https://old.example/' }
const REWRITING = { FALLBACK_STORAGES: [R2, { ...OLD, rewrite: [['^none/(.*)', 'old/$1']] }] }
const MIGRATING = { FALLBACK_DATA_MIGRATION: true }
const READ_ONLY_FIRST = { FALLBACK_STORAGES: [OLD, R2] }
const IN_R2 = '/in/a.jpg'
const IN_OLD = '/old/a.jpg'

/** One operation in the primary, or the reason for each further one. */
const ROWS: Record<string, Row & { path: string }> = {
  'a hit': { path: IN_R2, sends: 'get' },
  'a hit, HEAD': { path: IN_R2, method: 'HEAD', sends: 'head' },
  'a hit, of a range': { path: IN_R2, headers: { Range: 'bytes=2-4' }, status: 206, sends: 'get' },
  'a 304 by a strong tag': { path: IN_R2, headers: { 'If-None-Match': '{tag}' }, status: 304, sends: 'get' },
  'a 304 by a weak tag': { path: IN_R2, headers: { 'If-None-Match': 'W/{tag}' }, status: 304, sends: 'get' },
  'a 304 by time': { path: IN_R2, headers: { 'If-Modified-Since': MODIFIED }, status: 304, sends: 'get' },
  'a 304, HEAD': {
    path: IN_R2,
    method: 'HEAD',
    headers: { 'If-None-Match': '{tag}' },
    status: 304,
    sends: 'head',
  },
  'a hit whose tag has changed': { path: IN_R2, headers: { 'If-None-Match': '"other"' }, sends: 'get' },
  'a 412': { path: IN_R2, headers: { 'If-Match': '"other"' }, status: 412, sends: 'get' },
  'If-Range that holds': {
    path: IN_R2,
    headers: { Range: 'bytes=2-4', 'If-Range': '{tag}' },
    status: 206,
    sends: 'get',
  },
  // R2 has no read of either the range or the whole object: the first one tells that the object has changed.
  'If-Range that does not hold': {
    path: IN_R2,
    headers: { Range: 'bytes=2-4', 'If-Range': '"other"' },
    sends: 'get get',
  },
  // R2 refuses such a range without saying how large the object is, and whether it is a tombstone.
  'a range past the end': { path: IN_R2, headers: { Range: 'bytes=10-' }, status: 416, sends: 'get head' },
  'a range past the end, with a condition that holds': {
    path: IN_R2,
    headers: { Range: 'bytes=10-', 'If-Match': '{tag}' },
    status: 416,
    sends: 'get head',
  },
  'a range past the end, with a condition that does not': {
    path: IN_R2,
    headers: { Range: 'bytes=10-', 'If-None-Match': '{tag}' },
    status: 304,
    sends: 'get head',
  },
  'a range past the end, with If-Range that holds': {
    path: IN_R2,
    headers: { Range: 'bytes=10-', 'If-Range': '{tag}' },
    status: 416,
    sends: 'get head',
  },
  'a range past the end, with If-Range that does not': {
    path: IN_R2,
    headers: { Range: 'bytes=10-', 'If-Range': '"other"' },
    sends: 'get head get',
  },
  'a fallback hit': { path: IN_OLD, sends: 'get, origin GET' },
  'a fallback hit, HEAD': { path: IN_OLD, method: 'HEAD', sends: 'head, origin HEAD' },
  'a read that migrates': { path: IN_OLD, settings: MIGRATING, sends: 'get, origin GET, put' },
  'a 404': { path: '/none.jpg', status: 404, sends: 'get, origin GET' },
  'a deleted name': { path: '/old/gone.jpg', status: 404, sends: 'get' },
  'a deleted name, of a range': {
    path: '/old/gone.jpg',
    headers: { Range: 'bytes=2-4' },
    status: 404,
    sends: 'get',
  },
  'a placeholder': {
    path: '/none.jpg',
    settings: { FALLBACK_STORAGES: [R2, OLD, { type: 'placeholder' }] },
    sends: 'get, origin GET',
  },
  // The original is another name, which may have been deleted.
  'an original in place of a thumbnail': {
    path: '/none/a.jpg',
    settings: REWRITING,
    sends: 'get, origin GET, origin GET, head',
  },
  'a redirect': {
    path: IN_OLD,
    settings: { FALLBACK_STORAGES: [R2, { ...PUBLIC_OLD, redirect: true }] },
    status: 307,
    sends: 'get, origin HEAD',
  },
  // The writer may have a tombstone of what a read-only backend before it still has.
  'a read-only backend before the writer': {
    path: IN_OLD,
    settings: READ_ONLY_FIRST,
    sends: 'origin GET, head',
  },
  'the writer behind a read-only backend': {
    path: IN_R2,
    settings: READ_ONLY_FIRST,
    sends: 'origin GET, get',
  },
  'a preview': { path: '/-/api/preview/in/a.jpg', sends: 'get' },
  'open of the JSON API': { path: '/-/api/open/in/a.jpg', sends: 'get' },
  size: { path: '/-/api/size/in/a.jpg', sends: 'head' },
}

async function tagOf(name: string): Promise<string> {
  return (await env.MEDIA.head(name))?.httpEtag ?? ''
}

describe('storage operations of a read', () => {
  it.each(Object.entries(ROWS))('%s', async (_, row) => {
    const { path, method = 'GET', headers = {}, settings, status = 200, sends } = row
    const { call, sent } = counted(settings)
    const tag = await tagOf('in/a.jpg')
    const own = Object.entries(headers).map(([name, value]) => [name, value.replace('{tag}', tag)])
    const response = await call(path, { method, headers: Object.fromEntries(own) as HeadersInit })
    await response.arrayBuffer()
    expect(response.status).toBe(status)
    const expected = sends.split(/, |(?<!origin) /)
    await eventually(
      () => `${sends}: ${sent.join(', ')}`,
      async () => sent.length >= expected.length || null,
    )
    expect(sent).toEqual(expected)
  })

  it('of what the edge cache has: none', async () => {
    const { call, sent } = counted({ MEDIA_EDGE_CACHE_SECONDS: 60 })
    const read = async (): Promise<string | null> => {
      const response = await call('/in/b.jpg', { token: null })
      await response.arrayBuffer()
      return response.headers.get('Cache-Status')
    }
    await read()
    await eventually(
      () => 'a hit of the edge cache',
      async () => (await read())?.includes('fallback-storage-edge; hit') || null,
    )
    expect(sent).toEqual(['get'])
  })

  it('by a signed URL', async () => {
    const keys = JSON.stringify([{ id: 'one', key: '0123456789abcdef0123456789abcdef' }])
    const { call, sent } = counted({ MEDIA_ACCESS: 'signed', URL_SIGNING_KEYS: keys })
    const { url } = await (await call('/-/api/url/in/a.jpg')).json<{ url: string }>()
    const { pathname, search } = new URL(url)
    const response = await call(pathname + search, { token: null })
    expect([response.status, await response.text()]).toEqual([200, TEXT])
    expect(sent).toEqual(['get'])
  })

  it.each([
    ['GET', 'get'],
    ['HEAD', 'head'],
  ])('by an S3 client: %s', async (method, sends) => {
    const { s3, sent } = counted()
    const response = await s3(method, `/${BUCKET}/in/a.jpg`)
    await response.arrayBuffer()
    expect(response.status).toBe(200)
    expect(sent).toEqual([sends])
  })
})
