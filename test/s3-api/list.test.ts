import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import pLimit from 'p-limit'
import { beforeEach, describe, expect, it } from 'vitest'
import { childText, children, parseDocument } from '../../src/s3/xml.ts'
import {
  answering,
  BROKEN_ORIGIN,
  EMPTY_ORIGIN,
  fill,
  KV,
  media,
  mediaKv,
  MODIFIED,
  OLD,
  R2,
} from '../kit/app.ts'
import { startS3 } from '../kit/s3-client.ts'
import { sized } from '../kit/sample.ts'

beforeEach(() => reset())

type S3 = ReturnType<typeof startS3>['s3']

interface Listed {
  status: number
  code: string | undefined
  keys: string[]
  prefixes: string[]
  text: (name: string) => string | undefined
  xml: string
  headers: Headers
}

async function list(s3: S3, query: Record<string, string>, init: Parameters<S3>[2] = {}): Promise<Listed> {
  const answer = await s3('GET', '/media', { ...init, query })
  const xml = await answer.text()
  const root = parseDocument(xml)
  if (!root) throw new Error(xml)
  const texts = (parent: string, name: string) =>
    children(root, parent).map((element) => childText(element, name) ?? '')
  return {
    status: answer.status,
    code: childText(root, 'Code'),
    keys: texts('Contents', 'Key'),
    prefixes: texts('CommonPrefixes', 'Prefix'),
    text: (name) => childText(root, name),
    xml,
    headers: answer.headers,
  }
}

/** All names and prefixes, as a client walks the pages; `next` gives the query of the next page. */
async function walk(
  s3: S3,
  query: Record<string, string>,
  next: (page: Listed) => Record<string, string>,
): Promise<string[]> {
  const found: string[] = []
  const seen = new Set<string>()
  let more: Record<string, string> = {}
  for (;;) {
    const page = await list(s3, { ...query, ...more })
    expect(page.status, page.xml).toBe(200)
    found.push(...page.keys, ...page.prefixes)
    if (page.text('IsTruncated') === 'false') return found
    more = next(page)
    const position = JSON.stringify(more)
    expect(seen).not.toContain(position)
    seen.add(position)
  }
}

const V2 = { 'list-type': '2' }
const byToken = (page: Listed) => ({ 'continuation-token': page.text('NextContinuationToken') ?? '' })
const byMarker = (page: Listed) => ({ marker: page.text('NextMarker') ?? '' })
const byLastKey = (page: Listed) => ({ marker: page.keys.at(-1) ?? '' })

/** More than the largest page has; of the chains with KV, `npm test` lists smaller pages. */
const MANY = { count: sized(5000, 1010), page: 1000 }
const SOME = sized(MANY, { count: 210, page: 100 })

describe('more names than a page has', () => {
  it.each([
    { where: 'in R2', ...MANY, holder: () => media, storages: [R2] },
    { where: 'in KV', ...SOME, holder: () => mediaKv, storages: [{ ...KV, read_only: false }] },
    {
      where: 'half in R2, half in KV',
      ...SOME,
      holder: (index: number) => (index % 2 === 0 ? media : mediaKv),
      storages: [R2, KV],
    },
  ])(
    '$count $where are listed by V2 and V1, by NextMarker and by the last key',
    { timeout: 120_000 },
    async ({ count, page, holder, storages }) => {
      const names = Array.from({ length: count }, (_, index) => `n/${String(index).padStart(5, '0')}`)
      const limit = pLimit(500)
      await limit.map(names, (name, index) => fill(holder(index), { [name]: 'x' }))
      const { s3 } = startS3({ FALLBACK_STORAGES: storages })
      const query = { 'max-keys': String(page) }
      expect(await walk(s3, { ...V2, ...query }, byToken)).toEqual(names)
      expect(await walk(s3, query, byMarker)).toEqual(names)
      expect(await walk(s3, query, byLastKey)).toEqual(names)
      const last = { ...V2, 'start-after': names.at(-151) ?? '', 'max-keys': '100' }
      expect(await walk(s3, last, byToken)).toEqual(names.slice(-150))
    },
  )
})

describe('ListObjectsV2', () => {
  it('describes each object and the page', async () => {
    await fill(media, { 'a/1': 'one', 'a/2': 'two', 'b c+d.txt': 'three' })
    const { s3 } = startS3()
    const page = await list(s3, { ...V2, 'max-keys': '2', delimiter: '/', prefix: '', 'start-after': '0' })
    const md5 = '35d6d33467aae9a2e3dccb4b6b027878'
    expect(page.xml).toContain(
      `<Contents><Key>b c+d.txt</Key><LastModified>${MODIFIED}</LastModified><ETag>&quot;${md5}&quot;</ETag><Size>5</Size><StorageClass>STANDARD</StorageClass></Contents>`,
    )
    expect(page.prefixes).toEqual(['a/'])
    const fields = ['Name', 'Prefix', 'Delimiter', 'StartAfter', 'KeyCount', 'MaxKeys', 'IsTruncated']
    expect(fields.map(page.text)).toEqual(['media', '', '/', '0', '2', '2', 'false'])
    expect(page.text('NextContinuationToken')).toBeUndefined()
  })

  it('percent-encodes names for encoding-type=url, but not tokens', async () => {
    await fill(media, { 'ä b/(1)+.txt': '', 'ä b/x': '', 'ä b/z y/1': '' })
    const { s3 } = startS3()
    const query = { ...V2, 'encoding-type': 'url', prefix: 'ä b/', 'max-keys': '1' }
    const first = await list(s3, query)
    expect(first.keys).toEqual(['%C3%A4%20b/%281%29%2B.txt'])
    expect([first.text('Prefix'), first.text('EncodingType')]).toEqual(['%C3%A4%20b/', 'url'])
    const token = first.text('NextContinuationToken') ?? ''
    const second = await list(s3, { ...query, 'continuation-token': token })
    expect([second.text('ContinuationToken'), ...second.keys]).toEqual([token, '%C3%A4%20b/x'])
    const after = await list(s3, { ...query, 'start-after': 'ä b/x', delimiter: ' y' })
    expect([...after.prefixes, after.text('Delimiter'), after.text('StartAfter')]).toEqual([
      '%C3%A4%20b/z%20y',
      '%20y',
      '%C3%A4%20b/x',
    ])
  })

  it('names the owner if fetch-owner is true', async () => {
    await fill(media, { a: '' })
    const { s3 } = startS3()
    expect((await list(s3, V2)).xml).not.toContain('Owner')
    expect((await list(s3, { ...V2, 'fetch-owner': 'true' })).xml).toContain('<Owner><ID>writer</ID>')
  })

  it.each([
    ['max-keys', 'many', 'InvalidArgument'],
    ['max-keys', '-1', 'InvalidArgument'],
    ['max-keys', '1.5', 'InvalidArgument'],
    ['max-keys', '2147483648', 'InvalidArgument'],
    ['encoding-type', 'base64', 'InvalidArgument'],
    ['list-type', '3', 'InvalidArgument'],
    ['continuation-token', 'made-up', 'InvalidArgument'],
    ['prefix', 'p'.repeat(1025), 'KeyTooLongError'],
    ['start-after', 'p'.repeat(1025), 'KeyTooLongError'],
  ])('refuses %s=%.20s', async (name, value, code) => {
    const { s3 } = startS3()
    const page = await list(s3, { ...V2, [name]: value })
    expect([page.status, page.code]).toEqual([400, code])
  })

  it('lists nothing for max-keys=0, and 1,000 at most', async () => {
    await fill(media, { a: '' })
    const { s3 } = startS3()
    const none = await list(s3, { ...V2, 'max-keys': '0' })
    expect([none.text('KeyCount'), none.text('MaxKeys'), none.text('IsTruncated')]).toEqual([
      '0',
      '0',
      'false',
    ])
    expect((await list(s3, { ...V2, 'max-keys': '5000' })).text('MaxKeys')).toBe('1000')
  })

  it('refuses a token of another listing, of the JSON API, or from before the chain changed', async () => {
    await fill(media, { a: '', b: '' })
    const { s3, get } = startS3()
    const { cursor } = await get('list/?limit=1')
    const token = (await list(s3, { ...V2, 'max-keys': '1' })).text('NextContinuationToken') ?? ''
    const changed = startS3({ FALLBACK_STORAGES: [R2] })
    const answers = [
      await list(s3, { ...V2, prefix: 'a', 'continuation-token': token }),
      await list(s3, { ...V2, 'continuation-token': String(cursor) }),
      await list(changed.s3, { ...V2, 'continuation-token': token }),
    ]
    expect(answers.map(({ status, code }) => [status, code])).toEqual(
      answers.map(() => [400, 'InvalidArgument']),
    )
  })

  it('lists below the prefix of a limited key only', async () => {
    await fill(media, { 'team/a': '', 'other/b': '' })
    const { s3 } = startS3()
    expect((await list(s3, { ...V2, prefix: 'team/' }, { key: 'team' })).keys).toEqual(['team/a'])
    for (const query of [V2, { ...V2, prefix: 'tea' }, {}, { prefix: 'other/' }]) {
      const page = await list(s3, query, { key: 'team' })
      expect([page.status, page.code]).toEqual([403, 'AccessDenied'])
    }
  })

  it('leaves out deleted names, and those that cannot be requested', async () => {
    await fill(mediaKv, { deleted: '', 'a/../b': '', '../c': '', 'd\u0001': '', '-/e': '', f: '', '.g': '' })
    const { s3, remove } = startS3()
    await remove('deleted')
    expect((await list(s3, V2)).keys).toEqual(['.g', 'f'])
    expect((await list(s3, { ...V2, delimiter: '.' })).prefixes).toEqual(['.', 'a/.'])
  })

  it('answers a prefix that is too long for KV keys', async () => {
    const { s3 } = startS3()
    expect((await list(s3, { ...V2, prefix: 'p'.repeat(600) })).keys).toEqual([])
  })
})

describe('ListObjects', () => {
  it('continues after a name or a common prefix, and always says where', async () => {
    await fill(media, { 'a/1': '', 'a/2': '', b: '', 'c/1': '', d: '' })
    const { s3 } = startS3({ FALLBACK_STORAGES: [R2] })
    const query = { delimiter: '/', 'max-keys': '2' }
    const first = await list(s3, query)
    expect([...first.prefixes, ...first.keys, first.text('NextMarker')]).toEqual(['a/', 'b', 'b'])
    const second = await list(s3, { ...query, 'max-keys': '1', marker: 'b' })
    expect([...second.prefixes, second.text('NextMarker'), second.text('Marker')]).toEqual(['c/', 'c/', 'b'])
    expect((await list(s3, { ...query, marker: 'c/' })).keys).toEqual(['d'])
    expect(first.xml).toContain('<Owner>')
    expect(first.xml).not.toContain('KeyCount')
  })

  it('refuses a marker that is no cursor of this listing', async () => {
    const { s3 } = startS3()
    const page = await list(s3, { marker: '-/cursor/made-up' })
    expect([page.status, page.code]).toEqual([400, 'InvalidArgument'])
  })
})

describe('a listing', () => {
  it.each([
    ['V2', V2],
    ['V1', {}],
  ])('of %s fails if a backend does, and is never short', async (_, query) => {
    await fill(media, { a: '' })
    const { s3 } = startS3({
      FALLBACK_STORAGES: [R2, { ...OLD, listing: 'autoindex-json' }],
      OLD: BROKEN_ORIGIN,
    })
    const page = await list(s3, query)
    expect([page.status, page.code, page.keys]).toEqual([503, 'ServiceUnavailable', []])
  })

  it('says which backends cannot list', async () => {
    await fill(media, { a: '' })
    const { s3 } = startS3({ FALLBACK_STORAGES: [R2, OLD], OLD: EMPTY_ORIGIN })
    const page = await list(s3, V2)
    expect([page.status, ...page.keys]).toEqual([200, 'a'])
    expect(page.headers.get('x-fallback-storage-not-listed')).toBe('old')
  })

  it('looks up what a backend does not list, at most 100 entries in a page', async () => {
    const keys = Array.from({ length: 130 }, (_, index) => `k${String(index).padStart(3, '0')}`)
    await Promise.all(keys.map((key) => env.MEDIA_KV.put(key, `bytes of ${key}`)))
    const { s3 } = startS3()
    const page = await list(s3, V2)
    expect([page.keys.length, page.text('MaxKeys'), page.text('IsTruncated')]).toEqual([100, '1000', 'true'])
    expect(page.xml).toContain('<LastModified>1970-01-01T00:00:00.000Z</LastModified>')
    expect(page.xml).toContain('<Size>13</Size>')
    expect(await walk(s3, V2, byToken)).toEqual(keys)
  })

  it('has ETags that hold as conditions, where the backend lists none', async () => {
    const modified = new Date(MODIFIED).toUTCString()
    const origin = answering(({ url }) =>
      new URL(url).pathname === '/'
        ? Response.json([{ name: 'a', type: 'file', mtime: modified, size: 5 }])
        : new Response('bytes', {
            headers: { ETag: '"own"', 'Last-Modified': modified, 'Content-Length': '5' },
          }),
    )
    const { s3 } = startS3({ FALLBACK_STORAGES: [R2, { ...OLD, listing: 'autoindex-json' }], OLD: origin })
    const [, listed = ''] = /<ETag>&quot;(.*?)&quot;/.exec((await list(s3, V2)).xml) ?? []
    const get = (tag: string) => s3('GET', '/media/a', { headers: { 'if-match': `"${tag}"` } })
    const answers = await Promise.all([get(listed), get('own'), get('other')])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 412])
  })

  it('fails if nobody knows the size of an object', async () => {
    const origin = answering(({ method, url }) =>
      method === 'GET' && new URL(url).pathname === '/'
        ? Response.json([{ name: 'a', type: 'file' }])
        : new Response(new ReadableStream(), { headers: { ETag: '"v1"' } }),
    )
    const { s3 } = startS3({ FALLBACK_STORAGES: [R2, { ...OLD, listing: 'autoindex-json' }], OLD: origin })
    const page = await list(s3, V2)
    expect([page.status, page.code, page.keys]).toEqual([501, 'NotImplemented', []])
  })
})
