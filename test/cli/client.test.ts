import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { beforeAll, describe, expect, it } from 'vitest'
import { ApiError, createClient, type Client } from '../../src/client/client.ts'
import { TOKEN } from '../kit/worker/site.ts'
import { useDeployment } from './deployment.ts'

const NAME = 'a folder/ünï (1) #?%+.txt'

const deployment = useDeployment()
let client: Client

beforeAll(() => {
  client = createClient({ url: deployment.site.url, token: TOKEN })
})

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'no failure',
    (error: unknown) => error,
  )
}

describe('a client of one deployment', () => {
  it('stores, reads, examines and deletes an object', async () => {
    const headers = { 'Content-Type': 'text/plain', 'x-amz-meta-owner': 'me' }
    expect(await client.put(NAME, 'hello', { headers })).toEqual({ created: true, etag: expect.any(String) })
    expect(await client.put(NAME, 'hello')).toMatchObject({ created: false })
    expect(await (await client.open(NAME)).text()).toBe('hello')
    expect(await client.exists(NAME)).toBe(true)
    expect(await client.size(NAME)).toBe(5)
    expect(await client.path(NAME)).toMatch(/^r2:\/\//)
    expect((await client.modifiedTime(NAME)).getTime()).toBeGreaterThan(Date.now() - 60_000)
    expect(await client.existsAll([NAME, 'nope'])).toEqual({ [NAME]: true, nope: false })
    await client.delete(NAME)
    expect(await client.exists(NAME)).toBe(false)
  })

  it('reads a range, and gets a 304 if nothing has changed', async () => {
    const part = await client.open('photos/sun.png', { headers: { Range: 'bytes=1-3' } })
    expect([part.status, await part.text()]).toEqual([206, 'PNG'])
    const etag = part.headers.get('ETag') ?? ''
    const same = await client.open('photos/sun.png', { headers: { 'If-None-Match': etag } })
    expect([same.status, await same.text()]).toEqual([304, ''])
    expect((await client.open('photos/sun.png', { method: 'HEAD' })).headers.get('Content-Length')).toBe(
      '6465',
    )
  })

  it('saves a stream under an available name', async () => {
    const body = () => new Blob(['streamed']).stream()
    expect(await client.save('streamed.txt', body())).toBe('streamed.txt')
    expect(await client.save('streamed.txt', body())).toMatch(/^streamed_\w{7}\.txt$/)
    expect(await client.availableName('streamed.txt')).not.toBe('streamed.txt')
    expect(await client.validName('a b?.txt')).toBe('a_b.txt')
  })

  it('lists all names, page after page', async () => {
    const page = await client.list('photos/', { limit: 1 })
    expect(page).toMatchObject({
      objects: [{ name: 'photos/2024/fractal.webp' }],
      cursor: expect.any(String),
    })
    const names: string[] = []
    for await (const { name } of client.listAll('photos/')) names.push(name)
    expect(names).toEqual([
      'photos/2024/fractal.webp',
      'photos/harbour.jpg',
      'photos/photo (1).jpg',
      'photos/sun.png',
    ])
    expect(await client.listdir('photos/')).toMatchObject({ directories: ['2024'], cursor: null })
  })

  it('undoes deletes', async () => {
    await client.delete('audio/chime.mp3')
    expect((await client.tombstones({ prefix: 'audio/' })).tombstones).toMatchObject([
      { name: 'audio/chime.mp3' },
    ])
    expect(await client.purgeTombstones({ prefix: 'audio/', dryRun: true })).toMatchObject({
      purged: 0,
      kept: 1,
    })
    expect(await client.undelete('audio/chime.mp3')).toMatchObject({ restored: true, backend: 'legacy' })
  })

  it('describes the chain, and what a read would do', async () => {
    expect((await client.backends()).backends.map(({ name }) => name)).toEqual([
      'media',
      'media_kv',
      'legacy',
    ])
    expect(await client.explain('docs/leaflet.pdf')).toMatchObject({ would_serve: 'legacy' })
    expect(await client.url('docs/leaflet.pdf')).toContain('docs/leaflet.pdf')
    expect(client.mediaUrl(NAME)).toBe(
      `${deployment.site.url}a%20folder/%C3%BCn%C3%AF%20(1)%20%23%3F%25%2B.txt`,
    )
    expect(await client.health()).toEqual({ status: 'ok' })
  })
})

describe('its failures', () => {
  it('are ApiErrors with the problem document', async () => {
    const error = await failureOf(client.size('nope'))
    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({
      status: 404,
      problem: { title: 'Object not found' },
      isFromWorker: true,
    })
    expect(await failureOf(client.open('nope', { method: 'HEAD' }))).toMatchObject({
      status: 404,
      isFromWorker: true,
    })
    const stranger = createClient({ url: deployment.site.url, token: 'wrong' })
    expect(await failureOf(stranger.delete('nope'))).toMatchObject({ status: 401 })
  })

  it('come before any request for names that a URL cannot contain', async () => {
    const send = () => Promise.reject(new Error('a request was sent'))
    const offline = createClient({ url: deployment.site.url, fetch: send })
    expect(() => offline.open('a/../b')).toThrow(TypeError)
    expect(() => offline.mediaUrl('\ud800')).toThrow('lone surrogate')
  })

  it.each(['nonsense', 'ftp://example.com/', 'https://user@example.com/', 'https://example.com/?a'])(
    'begin with the URL: %s',
    (url) => {
      expect(() => createClient({ url })).toThrow(TypeError)
    },
  )
})

it.each([
  { location: 'https://www.example.com/-/api/exists/a?b=c', says: 'https://www.example.com/-/api/exists/a;' },
  { location: '/login?next=%2F', says: 'https://example.com/login;' },
])('does not follow a redirect to $location, which would not get the token', async ({ location, says }) => {
  const sent: (string | undefined)[] = []
  const redirected = createClient({
    url: 'https://example.com/',
    token: TOKEN,
    fetch: async (_, init) => {
      sent.push(init?.redirect)
      const response = new Response(null, { status: 301, headers: { Location: location } })
      return Object.defineProperty(response, 'url', { value: 'https://example.com/-/api/exists/a' })
    },
  })
  expect(await failureOf(redirected.exists('a'))).toMatchObject({
    status: 301,
    isFromWorker: false,
    message: expect.stringContaining(`https://example.com/-/api/exists/a redirects to ${says}`),
  })
  // Backends may redirect what is read.
  await failureOf(redirected.open('a'))
  expect(sent).toEqual(['manual', 'follow'])
})

it('runs in a browser: it is its own code alone, and needs nothing but fetch', async () => {
  const { outputFiles, metafile } = await build({
    absWorkingDir: fileURLToPath(new URL('../..', import.meta.url)),
    entryPoints: ['src/client/client.ts'],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    metafile: true,
    write: false,
  })
  expect(Object.keys(metafile.inputs).toSorted()).toEqual(['src/client/client.ts', 'src/client/request.ts'])
  const code = outputFiles[0]?.text ?? ''
  expect(code).not.toMatch(/\b(?:node|cloudflare):|\bprocess\b|\bBuffer\b|valibot/)
  const bundled = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    createClient: typeof createClient
  }
  const sent: string[] = []
  const browser = bundled.createClient({
    url: 'https://media.example.com/media',
    fetch: async (url) => {
      sent.push(new Request(url).url)
      return Response.json({ name: 'a b', exists: true })
    },
  })
  expect(await browser.exists('a b')).toBe(true)
  expect(sent).toEqual(['https://media.example.com/media/-/api/exists/a%20b'])
})
