import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createUrlSigner, type SigningKey } from '../../src/access/signed-url.ts'
import { encodeName } from '../../src/storage/name.ts'
import { answering, type CallInit, fill, media, R2, SITE, startApp, TOKEN } from '../kit/app.ts'
import { sampled } from '../kit/sample.ts'
import { NASTY_NAMES } from '../names.ts'

afterAll(() => reset())

const OLD_KEY: SigningKey = { id: 'old', key: 'an old key, which only verifies from now on' }
const NEW_KEY: SigningKey = { id: 'new', key: 'a new key, with which all URLs are signed' }
const SIGNED = { MEDIA_ACCESS: 'signed', URL_SIGNING_KEYS: JSON.stringify([NEW_KEY, OLD_KEY]) }
const READER = 'a token that may only read'
const API_TOKENS = [{ name: 'reader', token: READER.replaceAll(' ', '-'), scopes: ['read'] }]
const WEEK = 604_800

const now = () => Math.floor(Date.now() / 1000)

interface Signed {
  key?: SigningKey
  expires?: number
  contentDisposition?: string
}

/** The path and query of a URL that an application signs itself. */
async function sign(
  path: string,
  { key = NEW_KEY, expires = now() + 60, contentDisposition }: Signed = {},
): Promise<string> {
  const options = { expires, ...(contentDisposition !== undefined && { contentDisposition }) }
  return path + (await createUrlSigner([key]).sign(path, options))
}

/** The app and requests without a token. */
function start(settings: Record<string, unknown> = {}) {
  const { call, json } = startApp({ ...SIGNED, ...settings })
  const get = (path: string, init: CallInit = {}) => call(path, { token: null, ...init })
  /** The URL that the API makes, without the origin. */
  const url = async (path: string, init?: CallInit): Promise<string> => {
    const { status, body } = await json(path, init)
    expect([status, body['detail']]).toEqual([200, undefined])
    return String(body['url']).replace(SITE, '')
  }
  return { call, get, json, url }
}

async function everything(response: Response) {
  return { status: response.status, headers: [...response.headers], body: await response.text() }
}

beforeEach(async () => {
  await fill(media, { 'photos/a b.jpg': '0123456789' })
})

describe('GET /-/api/url/{name} where reads need signed URLs', () => {
  it('makes a URL that anyone can read until it expires', async () => {
    const { get, url } = start()
    const path = await url('/-/api/url/photos/a%20b.jpg?expires_in=60')
    expect(path).toMatch(/^\/photos\/a%20b\.jpg\?expires=\d{10}&key=new&signature=[\w-]{43}$/)
    expect(Math.abs(Number(/expires=(\d+)/.exec(path)?.[1]) - now() - 60)).toBeLessThanOrEqual(1)
    const response = await get(path)
    expect([response.status, await response.text()]).toEqual([200, '0123456789'])
  })

  it('makes one for an hour if no time is given', async () => {
    const path = await start().url('/-/api/url/photos/a%20b.jpg')
    expect(Math.abs(Number(/expires=(\d+)/.exec(path)?.[1]) - now() - 3600)).toBeLessThanOrEqual(1)
  })

  it.each(['1', `${WEEK}`])('makes one for %s seconds', async (seconds) => {
    const { get, url } = start()
    const response = await get(await url(`/-/api/url/photos/a%20b.jpg?expires_in=${seconds}`))
    expect(response.status).toBe(200)
    await response.body?.cancel()
  })

  it.each(['0', `${WEEK + 1}`, '1.5', '1h', ''])('refuses expires_in=%s', async (seconds) => {
    const { status, body } = await start().json(`/-/api/url/a?expires_in=${seconds}`)
    expect([status, body['detail']]).toEqual([400, `expires_in: must be a whole number from 1 to ${WEEK}`])
  })

  it('needs the scope read', async () => {
    const { call, url } = start({ API_TOKENS })
    expect(await url('/-/api/url/a', { token: API_TOKENS[0]!.token })).toContain('/a?expires=')
    expect((await call('/-/api/url/a', { token: null })).status).toBe(401)
    expect((await call(await sign('/-/api/url/a'), { token: null })).status).toBe(401)
  })

  it('answers without asking a backend, also for objects that other storages could serve', async () => {
    const old = answering(() => new Response('x'))
    const s3 = {
      type: 's3',
      name: 'legacy',
      endpoint: 'https://s3.example',
      bucket: 'b',
      public_url: 'https://public.example/',
    }
    for (const storage of [{ type: 'http', binding: 'OLD', public_url: 'https://old.example/' }, s3]) {
      const { url } = start({ FALLBACK_STORAGES: [storage], OLD: old })
      expect(await url('/-/api/url/a?expires_in=60')).toMatch(/^\/a\?expires=/)
    }
    expect(old.requests).toEqual([])
  })

  it('makes it of MEDIA_URL, and signs the path that the Worker will see', async () => {
    const settings = { MEDIA_URL: 'https://cdn.example/files/', MEDIA_PATH: '/media/' }
    const { get, url } = start(settings)
    const made = await url('/media/-/api/url/photos/a%20b.jpg')
    expect(made).toMatch(/^https:\/\/cdn\.example\/files\/photos\/a%20b\.jpg\?expires=/)
    expect((await get(made.replace('https://cdn.example/files/', '/media/'))).status).toBe(200)
  })
})

describe('a signed URL', () => {
  it.each([NEW_KEY, OLD_KEY])('is accepted from the key $id', async (key) => {
    expect((await start().get(await sign('/photos/a%20b.jpg', { key }))).status).toBe(200)
  })

  it('is refused once its key is removed, while those of the other key go on', async () => {
    const { get } = start({ URL_SIGNING_KEYS: [NEW_KEY] })
    expect((await get(await sign('/photos/a%20b.jpg', { key: OLD_KEY }))).status).toBe(403)
    expect((await get(await sign('/photos/a%20b.jpg', { key: NEW_KEY }))).status).toBe(200)
  })

  it('works without any token configured', async () => {
    const { get } = start({ API_TOKEN: undefined })
    expect((await get(await sign('/photos/a%20b.jpg'))).status).toBe(200)
    expect((await get('/photos/a%20b.jpg')).status).toBe(403)
  })

  it('expires at the second', async () => {
    const { get } = start()
    const expires = now() + 100
    const path = await sign('/photos/a%20b.jpg', { expires })
    const statusAt = async (time: number) => {
      vi.setSystemTime(time)
      const response = await get(path)
      await response.body?.cancel()
      return response.status
    }
    try {
      expect(await statusAt(expires * 1000 - 1)).toBe(200)
      expect(await statusAt(expires * 1000)).toBe(403)
      const earliest = (expires - WEEK - 60) * 1000
      expect(await statusAt(earliest)).toBe(200)
      expect(await statusAt(earliest - 1)).toBe(403)
    } finally {
      vi.useRealTimers()
    }
  })

  it.each([
    [{ Range: 'bytes=2-4' }, 206, '234', 'bytes 2-4/10'],
    [{ Range: 'bytes=-3' }, 206, '789', 'bytes 7-9/10'],
    [{ Range: 'bytes=10-' }, 416, undefined, 'bytes */10'],
    [{}, 200, '0123456789', null],
  ])('answers %o with %s', async (headers, status, text, contentRange) => {
    const response = await start().get(await sign('/photos/a%20b.jpg'), { headers })
    expect([response.status, response.headers.get('Content-Range')]).toEqual([status, contentRange])
    const body = await response.text()
    if (text !== undefined) expect(body).toBe(text)
  })

  it('answers HEAD and conditional requests', async () => {
    const { get } = start()
    const path = await sign('/photos/a%20b.jpg')
    const head = await get(path, { method: 'HEAD' })
    expect([head.status, head.headers.get('Content-Length')]).toEqual([200, '10'])
    const headers = { 'If-None-Match': head.headers.get('ETag')! }
    const same = await get(path, { headers })
    expect([same.status, same.headers.get('Cache-Control')]).toEqual([304, 'private, max-age=3600'])
    expect((await get(path, { headers: { 'If-Match': '"other"' } })).status).toBe(412)
  })

  it.each(['PUT', 'DELETE', 'POST', 'PATCH'])('does not allow %s', async (method) => {
    const response = await start().get(await sign('/photos/a%20b.jpg'), { method })
    expect(response.status).toBe(method === 'PUT' || method === 'DELETE' ? 401 : 405)
    expect((await start().get(await sign('/photos/a%20b.jpg'))).status).toBe(200)
  })

  it('opens nothing but media', async () => {
    const { get } = start()
    for (const route of ['open/', 'size/', 'exists/', 'path/', 'explain/', 'url/']) {
      const path = `/-/api/${route}photos/a%20b.jpg`
      expect((await get(await sign(path))).status, path).toBe(401)
    }
    expect((await get(await sign('/-/metrics'))).status).toBe(401)
  })

  it('says that a missing object is missing, and that an invalid name is invalid', async () => {
    const { get } = start()
    expect((await get(await sign('/none'))).status).toBe(404)
    expect((await get(await sign('/%00'))).status).toBe(400)
  })

  it('is for the path as it was signed, below MEDIA_PATH', async () => {
    const { get, url } = start({ MEDIA_PATH: '/media/' })
    const path = await url('/media/-/api/url/photos/a%20b.jpg')
    expect(path).toMatch(/^\/media\/photos\/a%20b\.jpg\?/)
    expect((await get(path)).status).toBe(200)
    const other = await sign('/photos/a%20b.jpg')
    expect((await get(`/media${other}`)).status).toBe(403)
  })

  it.each(['/photos/%61%20b.jpg', '/photos/a%20b%2ejpg', '/%70hotos/a%20b.jpg'])(
    'is for %s as it is encoded, not for another way to write the name',
    async (path) => {
      const { get } = start()
      expect((await get(await sign(path))).status).toBe(200)
      const usual = '/photos/a%20b.jpg'
      expect((await get((await sign(path)).replace(path, usual))).status).toBe(403)
      expect((await get((await sign(usual)).replace(usual, path))).status).toBe(403)
    },
  )

  it('works for odd names', async () => {
    // test/access/signed-url.test.ts signs all of them, test/e2e/signed-urls.test.ts sends others.
    const names = sampled(NASTY_NAMES, 4)
    await fill(media, Object.fromEntries(names.map((name) => [name, encodeURIComponent(name)])))
    const { get, url } = start()
    for (const name of names) {
      const path = await url(`/-/api/url/${encodeName(name)}?expires_in=60`)
      const response = await get(path)
      expect([name, response.status, await response.text()]).toEqual([name, 200, encodeURIComponent(name)])
    }
  })
})

describe('the disposition of a signed URL', () => {
  const ATTACHMENT = "attachment; filename=\"50% + 'x'; \\\"y.jpg\"; filename*=UTF-8''%D1%84.jpg"

  it.each(['GET', 'HEAD'])("replaces the object's own in the answer to %s", async (method) => {
    await env.MEDIA.put('own', 'x', { httpMetadata: { contentDisposition: 'inline' } })
    const { get, url } = start()
    const query = `response-content-disposition=${encodeURIComponent(ATTACHMENT)}`
    const path = await url(`/-/api/url/own?${query}`)
    const response = await get(path, { method })
    expect(response.headers.get('Content-Disposition')).toBe(ATTACHMENT)
    expect((await get(await url('/-/api/url/own'), { method })).headers.get('Content-Disposition')).toBe(
      'inline',
    )
  })

  it('is not stored with a copy', async () => {
    const old = answering(() => new Response('old', { headers: { 'Content-Length': '3', ETag: '"1"' } }))
    const { get } = start({
      FALLBACK_STORAGES: [R2, { type: 'http', name: 'old', binding: 'OLD' }],
      FALLBACK_DATA_MIGRATION: true,
      OLD: old,
    })
    const path = await sign('/copied.bin', { contentDisposition: 'attachment' })
    const response = await get(path)
    expect([await response.text(), response.headers.get('Content-Disposition')]).toEqual([
      'old',
      'attachment',
    ])
    await expect.poll(async () => (await env.MEDIA.head('copied.bin'))?.size).toBe(3)
    expect((await env.MEDIA.head('copied.bin'))?.httpMetadata?.contentDisposition).toBeUndefined()
  })

  it.each(['attachment\r\nSet-Cookie: a=b', 'a\0', 'a\tb', 'filename="ü"', '', ' ', 'x'.repeat(1025)])(
    'is refused by the API if it is %j',
    async (value) => {
      const query = `response-content-disposition=${encodeURIComponent(value)}`
      const { status, body } = await start().json(`/-/api/url/a?${query}`)
      expect([status, body['detail']]).toEqual([400, expect.stringContaining('printable ASCII')])
    },
  )

  it.each(['attachment\r\nLocation: https://evil.example', 'inline\nSet-Cookie: a=b', 'a\0b'])(
    'is refused if it is %j, even if the signature is right',
    async (contentDisposition) => {
      const response = await start().get(await sign('/photos/a%20b.jpg', { contentDisposition }))
      expect(response.status).toBe(403)
      expect(response.headers.get('Location')).toBeNull()
      expect(response.headers.get('Set-Cookie')).toBeNull()
    },
  )

  it('does not count without a signature, whoever reads', async () => {
    const path = '/photos/a%20b.jpg?response-content-disposition=attachment'
    const withToken = await start().call(path)
    expect([withToken.status, withToken.headers.get('Content-Disposition')]).toEqual([200, null])
    const open = await start({ MEDIA_ACCESS: 'public' }).get(path)
    expect([open.status, open.headers.get('Content-Disposition')]).toEqual([200, null])
  })
})

describe('what is not a valid signed URL', () => {
  const names = {
    'an object': '/photos/a%20b.jpg',
    nothing: '/none',
    'a deleted name': '/deleted',
    'an invalid name': '/%00',
    'a bad escape': '/%zz',
    'a dot segment': '/a/%2e%2e/b',
    'too long a name': `/${'x'.repeat(2000)}`,
  }
  const refused: Record<string, (path: string) => Promise<string> | string> = {
    'not signed': (path) => path,
    'signed with an empty query': (path) => `${path}?`,
    expired: (path) => sign(path, { expires: now() - 1 }),
    'valid for too long': (path) => sign(path, { expires: now() + WEEK + 120 }),
    'signed for another name': async (path) => (await sign('/other')).replace('/other', path),
    'signed with an unknown key': (path) => sign(path, { key: { ...NEW_KEY, id: 'unknown' } }),
    'signed with a wrong key': (path) => sign(path, { key: { ...NEW_KEY, key: OLD_KEY.key } }),
    'signed, with another expiry': async (path) => (await sign(path)).replace(/expires=\d/, 'expires=2'),
    'signed, with another disposition': async (path) =>
      (await sign(path, { contentDisposition: 'inline' })).replace('inline', 'attachment'),
    'signed, with a disposition added': async (path) =>
      `${await sign(path)}&response-content-disposition=attachment`,
    'signed, without its disposition': async (path) =>
      (await sign(path, { contentDisposition: 'inline' })).replace(/&response.*/, ''),
    'signed, with an unknown parameter': async (path) => `${await sign(path)}&utm_source=mail`,
    'signed, with a repeated parameter': async (path) => `${await sign(path)}&key=new`,
    'signed, with its parameters in another order': async (path) =>
      (await sign(path)).replace(/(expires=\d+)&(key=new)/, '$2&$1'),
  }

  it.each(['GET', 'HEAD'])(
    'gets one answer to %s, whatever is wrong and whatever is there',
    async (method) => {
      const { call, get } = start()
      await fill(media, { deleted: 'x' })
      await call('/deleted', { method: 'DELETE' })
      const first = await everything(await get('/photos/a%20b.jpg', { method }))
      expect(first).toMatchObject({ status: 403 })
      if (method === 'GET')
        expect(JSON.parse(first.body)).toEqual({
          type: 'about:blank',
          title: 'Forbidden',
          status: 403,
          detail: expect.stringContaining('a signed URL'),
        })
      expect(first.headers).toContainEqual(['cache-control', 'no-store'])
      for (const [title, path] of Object.entries(names)) {
        for (const [wrong, make] of Object.entries(refused)) {
          const answer = await everything(await get(await make(path), { method }))
          expect(answer, `${title}, ${wrong}`).toEqual(first)
        }
      }
    },
  )

  it('is refused before any backend is tried', async () => {
    const old = answering(() => new Response('x'))
    const FALLBACK_STORAGES = [{ type: 'http', binding: 'OLD' }]
    const { get } = start({ FALLBACK_STORAGES, OLD: old })
    for (const path of Object.values(names)) {
      for (const make of Object.values(refused)) await get(await make(path))
    }
    expect(old.requests).toEqual([])
    expect((await get(await sign('/a'))).status).toBe(200)
    expect(old.requests).toHaveLength(1)
  })

  it('can be read with a token, whatever the query', async () => {
    const { get } = start({ API_TOKENS })
    for (const token of [TOKEN, API_TOKENS[0]!.token]) {
      for (const query of ['', '?', '?expires=1', '?x=1'])
        expect((await get(`/photos/a%20b.jpg${query}`, { token })).status).toBe(200)
    }
  })

  it('is not read with a wrong token, even if the URL is signed', async () => {
    const response = await start().get(await sign('/photos/a%20b.jpg'), { token: 'wrong' })
    expect(response.status).toBe(401)
  })
})

describe('Cache-Control of what is not public', () => {
  it.each([
    [undefined, 'private, max-age=3600'],
    ['public, max-age=60, s-maxage=600', 'private, max-age=60'],
    ['no-store', 'no-store'],
    ['private, max-age=5', 'private, max-age=5'],
  ])('is, for an object with %s, %s', async (cacheControl, expected) => {
    await env.MEDIA.put('cached', 'x', {
      httpMetadata: { ...(cacheControl !== undefined && { cacheControl }) },
    })
    const { call, get } = start()
    expect((await get(await sign('/cached'))).headers.get('Cache-Control')).toBe(expected)
    expect((await get(await sign('/cached'), { method: 'HEAD' })).headers.get('Cache-Control')).toBe(expected)
    expect((await call('/cached')).headers.get('Cache-Control')).toBe(expected)
    expect((await call('/-/api/open/cached')).headers.get('Cache-Control')).toBe(expected)
    const protectedByToken = await start({ MEDIA_ACCESS: 'token' }).call('/cached')
    expect(protectedByToken.headers.get('Cache-Control')).toBe(expected)
  })
})

describe('where anyone may read', () => {
  const PUBLIC = { MEDIA_ACCESS: 'public' }

  it('ignores whether a URL is signed', async () => {
    const { get } = start(PUBLIC)
    for (const path of [await sign('/photos/a%20b.jpg'), '/photos/a%20b.jpg?expires=1&key=x&signature=y']) {
      const response = await get(path)
      expect([response.status, response.headers.get('Cache-Control')]).toEqual([200, 'public, max-age=3600'])
    }
  })

  it('signs URLs for a token that asks for a lifetime, so that they survive a change to "signed"', async () => {
    const { url, get } = start(PUBLIC)
    const path = await url('/-/api/url/photos/a%20b.jpg?expires_in=60')
    expect(path).toMatch(/\?expires=/)
    expect((await get(path)).status).toBe(200)
    expect((await start().get(path)).status).toBe(200)
    expect(await url('/-/api/url/photos/a%20b.jpg')).toBe('/photos/a%20b.jpg')
  })

  it('signs nothing for the anonymous', async () => {
    const { url, json } = start(PUBLIC)
    expect(await url('/-/api/url/a?expires_in=60', { token: null })).toBe('/a')
    const path = '/-/api/url/a?response-content-disposition=attachment'
    const { status, body } = await json(path, { token: null })
    expect([status, body['detail']]).toEqual([400, expect.stringContaining('needs a token')])
  })

  it('sends the disposition of a signed URL', async () => {
    const { url, get } = start(PUBLIC)
    const path = await url('/-/api/url/photos/a%20b.jpg?response-content-disposition=attachment')
    expect((await get(path)).headers.get('Content-Disposition')).toBe('attachment')
    expect(
      (await get(path.replace('signature=', 'signature=A'))).headers.get('Content-Disposition'),
    ).toBeNull()
  })

  it('needs keys for a disposition, and none for anything else', async () => {
    const { json, url } = start({ ...PUBLIC, URL_SIGNING_KEYS: undefined })
    const { status, body } = await json('/-/api/url/a?response-content-disposition=inline')
    expect([status, body['detail']]).toEqual([400, expect.stringContaining('URL_SIGNING_KEYS')])
    expect(await url('/-/api/url/a?expires_in=60')).toBe('/a')
  })
})

describe('where reads need a token', () => {
  it('signs no URLs and accepts none', async () => {
    const { get, json, url } = start({ MEDIA_ACCESS: 'token' })
    expect(await url('/-/api/url/a')).toBe('/a')
    for (const query of ['expires_in=60', 'response-content-disposition=inline']) {
      const { status, body } = await json(`/-/api/url/a?${query}`)
      expect([status, body['detail']]).toEqual([400, expect.stringContaining('MEDIA_ACCESS')])
    }
    expect((await get(await sign('/photos/a%20b.jpg'))).status).toBe(401)
  })
})
