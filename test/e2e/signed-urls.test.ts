import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../src/client/client.ts'
import { encodeName } from '../../src/storage/name.ts'
import { type Origin, startOrigin } from '../kit/origin/origin.ts'
import { signPath } from '../kit/servers/sign-url.ts'
import { type Site, startSite, TOKEN } from '../kit/worker/site.ts'
import { NASTY_NAMES } from '../names.ts'

const KEY = { id: '2026-11', key: 'a key that the application and the Worker share' }
const BODY = Buffer.from('0123456789')

let origin: Origin
let site: Site

beforeAll(async () => {
  origin = await startOrigin()
  origin.add('photos/a b.jpg', BODY, { type: 'image/jpeg', cacheControl: 'public, max-age=60' })
  site = await startSite({
    storages: [
      { type: 'r2', binding: 'MEDIA' },
      { type: 'http', name: 'old', url: origin.url },
    ],
    vars: {
      MEDIA_ACCESS: 'signed',
      MEDIA_PATH: '/files/',
      URL_SIGNING_KEYS: JSON.stringify([KEY]),
      FALLBACK_DATA_MIGRATION: 'false',
    },
  })
})

afterAll(async () => {
  await site?.close()
  await origin?.close()
})

const PHOTO = '/files/photos/a%20b.jpg'

/** The bytes of an answer, as they come over the socket. */
async function bytesOf(path: string, method = 'GET'): Promise<string> {
  const { hostname, port } = new URL(site.url)
  const socket = connect(Number(port), hostname)
  socket.end(`${method} ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: close\r\n\r\n`)
  return (await text(socket)).replace(/^date: .*\r\n/im, '')
}

describe('a signed URL over a socket', () => {
  const client = () => createClient({ url: new URL('/files/', site.url), token: TOKEN })

  it('is made by the client and read by anyone', async () => {
    const contentDisposition = 'attachment; filename="Ferry (1).jpg"'
    const url = await client().url('photos/a b.jpg', { expiresIn: 60, contentDisposition })
    expect(url).toMatch(`${new URL(PHOTO, site.url).href}?expires=`)
    const response = await fetch(url)
    expect(await response.text()).toBe('0123456789')
    expect(response.headers.get('Content-Disposition')).toBe(contentDisposition)
    expect(response.headers.get('Content-Type')).toBe('image/jpeg')
    expect(response.headers.get('Cache-Control')).toBe('private, max-age=60')
  })

  it('is worth nothing without its signature', async () => {
    const url = new URL(await client().url('photos/a b.jpg'))
    expect((await fetch(url.origin + url.pathname)).status).toBe(403)
  })

  it('can be signed by an application itself', async () => {
    const response = await site.fetch(signPath(PHOTO, KEY, { disposition: 'inline' }))
    expect([response.status, await response.text()]).toEqual([200, '0123456789'])
    expect(response.headers.get('Content-Disposition')).toBe('inline')
  })

  it.each([
    ['js', process.execPath, ['--input-type=module', '-e']],
    ['python', 'python3', ['-c']],
  ])('can be signed as the documentation does it in %s', async (language, command, args) => {
    const docs = readFileSync(new URL('../../docs/access.md', import.meta.url), 'utf8')
    const example = new RegExp(`\`\`\`${language}\\n(import.*?)\`\`\``, 's').exec(docs)?.[1] ?? ''
    const program = example.replace('https://media.example.com/', new URL('/files/', site.url).href)
    const env = { ...process.env, URL_SIGNING_KEY: KEY.key }
    const url = execFileSync(command, [...args, program], { env, encoding: 'utf8' }).trim()
    expect(url).toMatch(`${new URL(PHOTO, site.url).href}?expires=`)
    expect((await fetch(url)).status).toBe(200)
    expect((await fetch(url.replace('signature=', 'signature=x'))).status).toBe(403)
  })

  it('serves ranges, HEAD and conditional requests', async () => {
    const path = signPath(PHOTO, KEY)
    const part = await site.fetch(path, { headers: { Range: 'bytes=3-5' } })
    expect([part.status, await part.text(), part.headers.get('Content-Range')]).toEqual([
      206,
      '345',
      'bytes 3-5/10',
    ])
    const head = await site.fetch(path, { method: 'HEAD' })
    expect([head.status, head.headers.get('Content-Length')]).toEqual([200, '10'])
    const etag = head.headers.get('ETag')!
    const same = await site.fetch(path, { headers: { 'If-None-Match': etag } })
    expect([same.status, same.headers.get('ETag'), await same.text()]).toEqual([304, etag, ''])
    const changed = await site.fetch(path, { headers: { Range: 'bytes=3-5', 'If-Range': '"other"' } })
    expect([changed.status, await changed.text()]).toEqual([200, '0123456789'])
  })

  it('works for odd names', async () => {
    const check = async (name: string): Promise<void> => {
      await site.bucket.put(name, encodeURIComponent(name))
      const response = await fetch(await client().url(name))
      expect([name, response.status, await response.text()]).toEqual([name, 200, encodeURIComponent(name)])
      const own = await site.fetch(signPath(`/files/${encodeName(name)}`, KEY))
      expect([name, own.status, await own.text()]).toEqual([name, 200, encodeURIComponent(name)])
    }
    await Promise.all(NASTY_NAMES.filter((_, index) => index % 4 === 0).map(check))
  })

  it('stops working at the second of its expiry', async () => {
    const expires = Math.floor(Date.now() / 1000) + 2
    const path = signPath(PHOTO, KEY, { expires })
    let lastServed = 0
    for (let status = 200; status === 200; await sleep(20)) {
      const asked = Date.now()
      const response = await site.fetch(path)
      await response.arrayBuffer()
      status = response.status
      if (status === 200) lastServed = asked
      else expect([status, Date.now() >= expires * 1000]).toEqual([403, true])
    }
    expect(lastServed).toBeLessThan(expires * 1000)
    expect(lastServed).toBeGreaterThan(0)
  })
})

describe('what is refused, over a socket', () => {
  it.each(['GET', 'HEAD'])('gets the same bytes for %s, and no backend is asked', async (method) => {
    await site.bucket.put('in-r2.txt', 'x')
    const before = origin.requests.length
    const paths = [PHOTO, '/files/in-r2.txt', '/files/none', '/files/%00', '/files/%zz', '/files/a//..%2F']
    const queries = ['', '?', '?expires=1', '?x=1']
    const answers = new Map<string, string[]>()
    const note = (request: string, answer: string) =>
      answers.set(answer, [...(answers.get(answer) ?? []), request])
    for (const path of paths) {
      for (const query of queries) note(path + query, await bytesOf(path + query, method))
      const signed = signPath(path, KEY)
      const wrong = [
        signPath(path, KEY, { expires: Math.floor(Date.now() / 1000) - 1 }),
        signPath(path, { ...KEY, key: 'another key, which the Worker does not know' }),
        signPath(path, { ...KEY, id: '2025' }),
        `${signed}&expires=${Math.floor(Date.now() / 1000) + 60}`,
        `${signed}&utm_source=mail`,
        signed.replace('?', '?&'),
        signed.slice(0, -1),
        signed.replace(path, '/files/other'),
      ]
      for (const request of wrong) note(request, await bytesOf(request, method))
    }
    expect([...answers.values()].map((requests) => requests.length)).toEqual([paths.length * 12])
    expect([...answers.keys()][0]).toMatch(/^HTTP\/1\.1 403 Forbidden\r\n/)
    expect(origin.requests.length).toBe(before)
  })
})
