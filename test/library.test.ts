import { env } from 'cloudflare:workers'
import { createExecutionContext } from 'cloudflare:test'
import { Hono } from 'hono'
import { beforeEach, describe, expect, it } from 'vitest'
import {
  createApp,
  custom,
  type DeployedStorage,
  FallbackStorage,
  http,
  kv,
  type Options,
  r2,
  type StorageError,
} from '../src/library.ts'
import type { Backend } from '../src/storage/backend.ts'
import { answering, fill, media, mediaKv, TOKEN } from './kit/app.ts'
import { eventually } from './kit/eventually.ts'
import { bytesOf } from './kit/fakes.ts'
import { memoryBackend } from './kit/memory.ts'

const CHAIN = [r2(env.MEDIA), kv(env.MEDIA_KV, { readOnly: true })]

/** Someone's own app with the library mounted, and its answers. */
function mounted(options: Partial<Options>, path = '/media') {
  const app = new Hono<{ Bindings: Env }>()
  const library = createApp<Env>((own) => ({
    storages: [r2(own.MEDIA), kv(own.MEDIA_KV, { readOnly: true })],
    apiToken: TOKEN,
    ...options,
  }))
  app.get('/', (c) => c.text('the front page'))
  app.route(path, library)
  app.get('/later', (c) => c.text('a later page'))
  return async (url: string, init?: RequestInit): Promise<Response> =>
    app.request(
      `https://site.example${url}`,
      init,
      { ...env, TIME_SERIES: undefined } as unknown as Env,
      createExecutionContext(),
    )
}

const textOf = async (object: { body: ReadableStream } | null): Promise<string | null> =>
  object && new Response(object.body).text()

beforeEach(() => fill(mediaKv, { 'photos/a b.txt': 'from the fallback', 'gone.txt': 'to be deleted' }))

describe('an app in someone’s own Hono app', () => {
  it('answers below its path, and nothing else', async () => {
    const get = mounted({ mediaPath: '/media/' })
    const object = await get('/media/photos/a%20b.txt')
    expect([object.status, await object.text()]).toEqual([200, 'from the fallback'])
    expect(object.headers.get('Cache-Status')).toContain('media_kv')
    expect((await get('/media/-/health')).status).toBe(200)
    expect((await get('/media/none.jpg')).status).toBe(404)
    expect(await (await get('/')).text()).toBe('the front page')
    expect(await (await get('/mediafile')).text()).toBe('404 Not Found')
  })

  it.each(['/', '/media'])('at %s leaves other paths to routes that come later', async (path) => {
    const get = mounted({ mediaPath: '/media/' }, path)
    expect((await get('/media/photos/a%20b.txt')).status).toBe(200)
    expect(await (await get('/later')).text()).toBe('a later page')
  })

  it('says where it is mounted, if mediaPath is another path', async () => {
    const response = await mounted({})('/media/photos/a%20b.txt')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({
      detail: 'mediaPath: must be "/media/", since the app is mounted there',
    })
  })

  it('answers every request with the mistakes of its options', async () => {
    const response = await mounted({ mediaPath: '/media/', breakerSeconds: -1 })('/media/a.jpg')
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({
      detail: expect.stringContaining('breakerSeconds: must be'),
    })
  })

  it('takes writes with its token, and gives names as they were sent', async () => {
    const get = mounted({ mediaPath: '/media/' })
    const headers = { Authorization: `Bearer ${TOKEN}` }
    expect((await get('/media/x%2Fy%25.txt', { method: 'PUT', body: 'new' })).status).toBe(401)
    expect((await get('/media/x%2Fy%25.txt', { method: 'PUT', body: 'new', headers })).status).toBe(201)
    expect(await textOf(await media.get('x/y%.txt'))).toBe('new')
    const url = await get('/media/-/api/url/x%2Fy%25.txt')
    expect(await url.json()).toMatchObject({ url: 'https://site.example/media/x/y%25.txt' })
  })
})

describe('FallbackStorage', () => {
  it('has the methods of the JSON API in the Worker itself', async () => {
    const storage = new FallbackStorage(CHAIN, { mediaUrl: 'https://media.example/' })
    expect(await textOf(await storage.open('photos/a b.txt'))).toBe('from the fallback')
    expect(await textOf(await storage.open('photos/a b.txt', { range: { offset: 5, length: 3 } }))).toBe(
      'the',
    )
    expect(await storage.open('none')).toBe(null)
    expect(await storage.head('photos/a b.txt')).toMatchObject({ backend: 'media_kv', size: 17 })
    expect(await storage.exists('none')).toBe(false)
    expect(await storage.existsAll(['none', 'photos/a b.txt'])).toEqual(
      new Map([
        ['none', false],
        ['photos/a b.txt', true],
      ]),
    )
    expect(await storage.size('photos/a b.txt')).toBe(17)
    expect(await storage.size('none')).toBe(null)
    expect(await storage.modifiedTime('photos/a b.txt')).toBeInstanceOf(Date)
    expect(await storage.url('photos/a b.txt')).toBe('https://media.example/photos/a%20b.txt')

    expect(await storage.save('new.png', 'saved')).toBe('new.png')
    expect(await storage.save('new.png', bytesOf('another'))).toMatch(/^new_\w{7}\.png$/)
    expect(await media.head('new.png')).toMatchObject({ contentType: 'image/png', size: 5 })
    const put = await storage.put('new.png', new Blob(['replaced'], { type: 'image/x-own' }), {
      cacheControl: 'no-store',
    })
    expect(put).toMatchObject({ created: false, info: { backend: 'media' } })
    expect(await media.head('new.png')).toMatchObject({
      contentType: 'image/x-own',
      cacheControl: 'no-store',
    })
    expect(await storage.listdir('photos')).toMatchObject({ directories: [], files: ['a b.txt'] })
    expect((await storage.list({ prefix: 'photos/' })).objects).toMatchObject([{ name: 'photos/a b.txt' }])

    await storage.delete('gone.txt')
    expect(await storage.exists('gone.txt')).toBe(false)
    expect(await mediaKv.head('gone.txt')).not.toBe(null)
    expect(storage.validName('photos/a b?.txt')).toBe('photos/a_b.txt')
    expect(await storage.availableName('new.png')).toMatch(/^new_\w{7}\.png$/)
  })

  it('copies what it opens, if migration is on', async () => {
    const storage = new FallbackStorage(CHAIN, { migration: true })
    expect(await textOf(await storage.open('photos/a b.txt'))).toBe('from the fallback')
    const copy = await eventually(
      () => 'the copy',
      () => media.head('photos/a b.txt'),
    )
    expect(copy).toMatchObject({ provenance: { backend: 'media_kv' } })
  })

  it('throws failures, which are no misses, and refuses names that cannot be', async () => {
    const broken = answering(() => new Response(null, { status: 503 }))
    const storage = new FallbackStorage([r2(env.MEDIA), http(broken as unknown as Fetcher)])
    await expect(storage.open('a.jpg')).rejects.toMatchObject({
      code: 'unavailable',
    } satisfies Partial<StorageError>)
    await expect(storage.exists('a/../b')).rejects.toMatchObject({ code: 'invalid' })
    await expect(storage.url('a.jpg')).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('mediaUrl'),
    })
  })

  it('promises no link that works for a while where every read needs a token', async () => {
    const storage = new FallbackStorage(CHAIN, {
      mediaUrl: 'https://media.example/',
      mediaAccess: 'token',
      apiTokens: [{ name: 'reader', token: 'x'.repeat(32), scopes: ['read'] }],
    })
    expect(await storage.url('a.jpg')).toBe('https://media.example/a.jpg')
    for (const options of [{ expiresIn: 60 }, { contentDisposition: 'attachment' }])
      await expect(storage.url('a.jpg', options)).rejects.toMatchObject({
        code: 'invalid',
        message: expect.stringContaining('reads need a token'),
      })
  })

  it('makes no link that would never work', async () => {
    const storage = new FallbackStorage(CHAIN, {
      mediaUrl: 'https://media.example/',
      mediaAccess: 'signed',
      urlSigningKeys: [{ id: 'k', key: 'k'.repeat(32) }],
    })
    expect(await storage.url('a.jpg', { expiresIn: 604_800 })).toContain('signature=')
    for (const expiresIn of [604_801, 0, 1.5, Number.NaN])
      await expect(storage.url('a.jpg', { expiresIn })).rejects.toMatchObject({
        code: 'invalid',
        message: 'expiresIn: must be a whole number from 1 to 604800',
      })
    await expect(
      storage.url('a.jpg', { contentDisposition: 'attachment; filename="é"' }),
    ).rejects.toMatchObject({
      code: 'invalid',
      message: expect.stringContaining('contentDisposition: must be'),
    })
  })

  it('counts what it reads, so that no fallback that it needs seems quiet', async () => {
    await fill(mediaKv, { 'counted.txt': 'only in the fallback' })
    const storages = [r2(env.MEDIA), kv(env.MEDIA_KV, { name: 'counted' })]
    const app = createApp({ storages, apiToken: TOKEN })
    const storage = app.storage(env)
    await textOf(await storage.open('counted.txt'))
    await storage.head('counted.txt')
    await storage.open('not-counted.txt')
    const headers = { Authorization: `Bearer ${TOKEN}` }
    const response = await app.request('/-/api/dependence', { headers }, env, createExecutionContext())
    expect(await response.json()).toMatchObject({
      fallbacks: [{ name: 'counted', reads: { hour: 2 }, last_read: { name: 'counted.txt' } }],
    })
  })

  it.each([
    ['put', (storage, name) => storage.put(name, 'new'), 'new'],
    ['delete', (storage, name) => storage.delete(name), '404'],
    [
      'save',
      async (storage, name) => {
        await mediaKv.delete?.(name)
        await storage.save(name, 'saved')
      },
      'saved',
    ],
  ] satisfies [string, (storage: DeployedStorage, name: string) => Promise<unknown>, string][])(
    'purges the edge cache by its %s',
    async (method, change, expected) => {
      const name = `cached-${method}.txt`
      await fill(mediaKv, { [name]: 'old' })
      const app = createApp({
        storages: CHAIN,
        mediaEdgeCacheSeconds: 3600,
        mediaUrl: 'https://media.example/',
      })
      const read = async () => {
        const url = `https://media.example/${name}`
        const response = await app.request(url, {}, env, createExecutionContext())
        const text = await response.text()
        return {
          text: response.ok ? text : `${response.status}`,
          isCached: response.headers.get('Cache-Status')?.includes('edge; hit') === true,
        }
      }
      await eventually(
        () => 'a hit of the edge cache',
        async () => (await read()).isCached || null,
      )
      await change(app.storage(env), name)
      expect((await read()).text).toBe(expected)
    },
  )

  it('is the chain of an app, too', async () => {
    const app = createApp({ storages: CHAIN })
    const bindings = { ...env }
    expect(await app.storage(bindings).exists('photos/a b.txt')).toBe(true)
  })
})

/** As someone may write one: a class, whose methods use `this`. */
class Own implements Backend {
  readonly name = 'own'
  readonly type = 'custom'
  readonly #objects = memoryBackend('inner')
  failure: Error | undefined

  async get(name: string) {
    if (this.failure) throw this.failure
    return this.#objects.get(name)
  }

  async head(name: string) {
    if (this.failure) throw this.failure
    return this.#objects.head(name)
  }

  put(...call: Parameters<NonNullable<Backend['put']>>) {
    return this.#objects.put(...call)
  }

  async delete(name: string) {
    await this.#objects.delete(name)
  }
}

describe('a backend of the Worker itself', () => {
  it('is read and written under its own name, whatever it says', async () => {
    const storage = new FallbackStorage([new Own()])
    await storage.put('a.txt', 'own')
    expect(await storage.open('a.txt')).toMatchObject({ backend: 'own' })
  })

  it('has the settings that all have', async () => {
    const own = new Own()
    const storage = new FallbackStorage([
      r2(env.MEDIA),
      custom(own, { name: 'second', prefix: 'in/', readOnly: true, exclude: '^b' }),
    ])
    await own.put('in/a.txt', bytesOf('prefixed'))
    await own.put('in/b.txt', bytesOf('excluded'))
    expect(await textOf(await storage.open('a.txt'))).toBe('prefixed')
    expect(await storage.head('a.txt')).toMatchObject({ name: 'a.txt', backend: 'second' })
    expect(await storage.exists('b.txt')).toBe(false)
    await storage.put('a.txt', 'in the primary')
    expect(await storage.head('a.txt')).toMatchObject({ backend: 'media' })
  })

  it.each([
    [new Error('connection lost'), 'unavailable'],
    [new TypeError('undefined is not a function'), 'internal'],
  ])('that throws %s fails, and is no miss', async (failure, code) => {
    const own = new Own()
    own.failure = failure
    const storage = new FallbackStorage([own, kv(env.MEDIA_KV)])
    await expect(storage.open('none.txt')).rejects.toMatchObject({ code })
  })

  it('that forgets to return something fails, and is no miss', async () => {
    const nothing = async (): Promise<never> => undefined as never
    const own: Backend = { name: 'own', type: 'custom', get: nothing, head: nothing, list: nothing }
    const storage = new FallbackStorage([own])
    await expect(storage.open('none.txt')).rejects.toMatchObject({ code: 'unavailable' })
    await expect(storage.exists('none.txt')).rejects.toMatchObject({ code: 'unavailable' })
    await expect(storage.listdir('')).rejects.toMatchObject({ failures: [{ code: 'unavailable' }] })
  })

  it('that cannot make a URL fails, as in its other methods', async () => {
    const own = Object.assign(new Own(), { url: () => Promise.reject(new Error('the signer is down')) })
    await own.put('a.txt', bytesOf('x'))
    const storage = new FallbackStorage([own], { mediaUrl: 'https://media.example/' })
    await expect(storage.url('a.txt')).rejects.toMatchObject({ code: 'unavailable', backend: 'own' })
  })

  it('that does not answer is given up', async () => {
    const silent: Backend = {
      name: 'silent',
      type: 'custom',
      get: () => new Promise(() => {}),
      head: () => new Promise(() => {}),
    }
    const storage = new FallbackStorage([custom(silent, { timeoutMs: 20 })])
    await expect(storage.open('a.txt')).rejects.toMatchObject({ code: 'timeout' })
  })

  /** One whose objects are said to have ten bytes. */
  const sending = (bodyOf: () => ReadableStream<Uint8Array>): Backend => {
    const info = { name: 'a.txt', backend: 'own', size: 10 }
    return {
      name: 'own',
      type: 'custom',
      head: async () => info,
      get: async () => ({ ...info, body: bodyOf() }),
    }
  }
  const streamOf = (text: string, end: (controller: ReadableStreamDefaultController) => void) => () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(bytesOf(text))
        end(controller)
      },
    })

  it.each([
    ['ends too early', 'short', (body) => body.close(), 'unavailable'],
    ['is longer than it said', 'longer than ten', (body) => body.close(), 'unavailable'],
    ['throws a text', 'short', (body) => body.error('lost'), 'unavailable'],
    ['stalls', 'short', () => {}, 'timeout'],
  ] as [string, string, (body: ReadableStreamDefaultController) => void, string][])(
    'whose body %s fails, and is no short answer',
    async (_, text, end, code) => {
      const own = custom(sending(streamOf(text, end)), { idleTimeoutMs: 50 })
      const read = new FallbackStorage([own]).open('a.txt').then(textOf)
      await expect(read).rejects.toMatchObject({ code })
    },
  )
})
