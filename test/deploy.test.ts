import { reset } from 'cloudflare:test'
import { env as bound } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import { ConfigError } from '../src/config/config.ts'
import { runInvocation } from '../src/storage/invocation.ts'
import { writerFor } from '../src/chain/placement.ts'
import { deploymentFor } from '../src/deploy.ts'
import { copyName } from '../src/migration/copy-name.ts'
import { putObject } from '../src/methods/put-object.ts'
import { StorageError } from '../src/storage/errors.ts'
import { answering } from './kit/app.ts'

afterEach(() => reset())

const base = 'https://worker.example/media/'
const r2 = { type: 'r2', binding: 'MEDIA' }
const origin = { type: 'http', name: 'origin', binding: 'ORIGIN' }
const s3 = { type: 's3', endpoint: 'https://s3.example.com', bucket: 'old' }

function deploy(tables: object[], vars: Record<string, unknown> = {}) {
  return deploymentFor({ MEDIA: bound.MEDIA, MEDIA_KV: bound.MEDIA_KV, FALLBACK_STORAGES: tables, ...vars })
}

async function textOf(found: Promise<{ body: ReadableStream<Uint8Array> } | null>): Promise<string | null> {
  const object = await found
  return object && new Response(object.body).text()
}

describe('a deployment', () => {
  it('is built once per env', () => {
    const env = { MEDIA: bound.MEDIA, FALLBACK_STORAGES: [r2] }
    expect(deploymentFor(env)).toBe(deploymentFor(env))
    expect(deploymentFor(env)).not.toBe(deploymentFor({ ...env }))
  })

  it('fails with the same error each time while the configuration is wrong', () => {
    const env = { FALLBACK_STORAGES: '[' }
    const errors = [0, 1].map(() => {
      try {
        return deploymentFor(env)
      } catch (error) {
        return error
      }
    })
    expect(errors[0]).toBeInstanceOf(ConfigError)
    expect(errors[1]).toBe(errors[0])
  })

  it('lets jobs read without using the memory budget of reads', async () => {
    const kv = { type: 'kv', binding: 'MEDIA_KV' }
    const { backends, chain, copyChain } = deploy([r2, kv], { FALLBACK_DATA_MIGRATION: true })
    await backends[1]?.put?.('a.jpg', new Uint8Array(10))
    const [read, job] = [await chain.get('a.jpg'), await copyChain.get('a.jpg')]
    expect(read?.shared).toBeDefined()
    expect(job).toMatchObject({ name: 'a.jpg', backend: 'media_kv' })
    expect(job?.shared).toBeUndefined()
    await Promise.all([read?.body.cancel(), job?.body.cancel()])
  })

  it('continues a broken body from another backend but not for verifications', async () => {
    const headers = { ETag: '"1"', 'Content-Length': '10', 'Content-Type': 'image/jpeg' }
    const breaking = (): ReadableStream =>
      new ReadableStream({
        start: (controller) => controller.enqueue(new TextEncoder().encode('0123')),
        pull: (controller) => controller.error(new Error('the disk is broken')),
      })
    const whole = ({ headers: sent }: Request): Response =>
      sent.has('Range')
        ? new Response('456789', {
            status: 206,
            headers: { ...headers, 'Content-Length': '6', 'Content-Range': 'bytes 4-9/10' },
          })
        : new Response('0123456789', { headers })
    const { backends, comparedChain } = deploy([origin, { ...origin, name: 'source', binding: 'SOURCE' }], {
      ORIGIN: answering(() => new Response(breaking(), { headers })),
      SOURCE: answering(whole),
    })
    const read = async (backend = backends[0]) => backend?.get('a.jpg') ?? null
    expect(await textOf(read())).toBe('0123456789')
    await expect(textOf(read(comparedChain.backends[0]))).rejects.toThrow(StorageError)
    expect(await textOf(read(comparedChain.backends[1]))).toBe('0123456789')
  })

  it('remembers absences for readers, but not for verifications', async () => {
    let status = 404
    const { backends, comparedChain } = deploy([r2, origin], {
      ORIGIN: answering(() => new Response(status === 404 ? null : 'here', { status })),
    })
    const [read, compared] = [backends[1], comparedChain.backends[1]]
    expect(await read?.head('a.jpg')).toBeNull()
    status = 200
    expect(await read?.head('a.jpg')).toBeNull()
    expect(await compared?.head('a.jpg')).toMatchObject({ name: 'a.jpg' })
    expect(await textOf(compared?.get('a.jpg') ?? Promise.resolve(null))).toBe('here')
  })

  it('has the backends in order, writable as configured', () => {
    const { backends, chain } = deploy(
      [
        r2,
        { type: 'kv', binding: 'MEDIA_KV', read_only: true },
        s3,
        { ...s3, name: 'new', bucket: 'new', read_only: false },
        origin,
      ],
      { ORIGIN: answering(() => new Response()) },
    )
    expect(backends.map(({ name, type, put }) => [name, type, put !== undefined])).toEqual([
      ['media', 'r2', true],
      ['media_kv', 'kv', false],
      ['s3', 's3', false],
      ['new', 's3', true],
      ['origin', 'http', false],
    ])
    expect(chain.backends).toEqual(backends)
    expect(writerFor(chain, 'a.jpg')?.name).toBe('media')
  })

  it('applies FALLBACK_DELETES', () => {
    expect(deploy([r2]).chain.tombstones).toBe(true)
    expect(deploy([r2], { FALLBACK_DELETES: 'first' }).chain.tombstones).toBe(false)
  })
})

describe('a deployed backend', () => {
  it('keeps its objects below its prefix', async () => {
    const { chain } = deploy([{ ...r2, prefix: 'site/' }])
    await putObject(chain, 'a.txt', new TextEncoder().encode('hello'))
    expect(await textOf(bound.MEDIA.get('site/a.txt'))).toBe('hello')
    expect(await textOf(chain.get('a.txt'))).toBe('hello')
  })

  it('is not tried for excluded names', async () => {
    const server = answering(() => new Response('found'))
    const { chain } = deploy([r2, { ...origin, exclude: '^tmp/' }], { ORIGIN: server })
    expect(await textOf(chain.get('tmp/a.txt'))).toBeNull()
    expect(await textOf(chain.get('a.txt'))).toBe('found')
    expect(server.requests.map(({ url }) => new URL(url).pathname)).toEqual(['/a.txt'])
  })

  it('sends the secret headers of its origin', async () => {
    const server = answering(() => new Response('found'))
    const table = { ...origin, headers: { 'X-Key': '$OLD_KEY' } }
    await textOf(deploy([table], { ORIGIN: server, OLD_KEY: 'hush' }).chain.get('a.txt'))
    expect(server.requests[0]?.headers.get('x-key')).toBe('hush')
  })

  it('signs with the credentials of its table, and only with them', async () => {
    const keys = { OLD_ACCESS_KEY_ID: 'id', OLD_SECRET_ACCESS_KEY: 'hush' }
    const [signed, unsigned] = deploy(
      [
        { ...s3, credentials: 'OLD' },
        { ...s3, name: 'open', bucket: 'open' },
      ],
      keys,
    ).backends
    expect(await signed?.url?.('a.jpg', { base })).toMatch(
      /^https:\/\/s3\.example\.com\/old\/a\.jpg\?.*X-Amz-Signature=/,
    )
    expect(await unsigned?.url?.('a.jpg', { base })).not.toContain('X-Amz-Signature')
  })

  it('times out if it does not respond within timeout_ms', async () => {
    const silent = answering(() => new Promise(() => {}))
    const { chain } = deploy([{ ...origin, timeout_ms: 50 }], { ORIGIN: silent })
    await expect(chain.get('a.txt')).rejects.toMatchObject({
      failures: [{ code: 'timeout', backend: 'origin' }],
    })
  })

  it('passes its hedge_ms to the chain', () => {
    expect(deploy([{ ...r2, hedge_ms: 200 }]).chain.hedgeMs).toEqual({ media: 200 })
  })
})

it('sends at most five requests to backends at once, over the whole invocation', async () => {
  const seen = { open: 0, most: 0 }
  const slow = answering(async () => {
    seen.most = Math.max(seen.most, ++seen.open)
    await scheduler.wait(5)
    seen.open--
    return new Response(null, { status: 404 })
  })
  const origins = ['a', 'b', 'c', 'd'].map((name) => ({ ...origin, name }))
  const { backends } = deploy(origins, { ORIGIN: slow })
  const heads = () => backends.flatMap((backend) => [1, 2, 3].map((name) => backend.head(`${name}.jpg`)))
  expect(await runInvocation(() => Promise.all(heads()))).toEqual(Array(12).fill(null))
  expect(seen.most).toBe(5)
})

describe('the URL of a name', () => {
  it.each([
    ['made of the name if this Worker serves it', { ...r2, prefix: 'site/' }, `${base}a%20b.jpg`],
    [
      'made of the key if the bucket is public',
      { ...r2, prefix: 'site/', public_url: 'https://cdn.example' },
      'https://cdn.example/site/a%20b.jpg',
    ],
    [
      'on the same host if public_url is a path',
      { ...r2, public_url: '/files/' },
      'https://worker.example/files/a%20b.jpg',
    ],
    [
      'on the same host for s3 too',
      { ...s3, public_url: '/files' },
      'https://worker.example/files/a%20b.jpg',
    ],
    [
      "the origin's own",
      { type: 'http', url: 'https://old.example/m', prefix: 'x/' },
      'https://old.example/m/x/a%20b.jpg',
    ],
    ['made of the name behind a binding', { ...origin, prefix: 'x/' }, `${base}a%20b.jpg`],
  ])('is %s', async (_title, table, url) => {
    const [backend] = deploy([table], { ORIGIN: answering(() => new Response()) }).backends
    expect(await backend?.url?.('a b.jpg', { base })).toBe(url)
  })
})

describe('a fallback', () => {
  const missing = () => new Response(null, { status: 404 })
  const broken = () => new Response(null, { status: 500 })

  async function headTimes(times: number, answer: () => Response, vars: Record<string, unknown>) {
    const server = answering(answer)
    const { chain } = deploy([r2, origin], { ORIGIN: server, ...vars })
    const outcomes: unknown[] = []
    for (let time = 0; time < times; time++) {
      outcomes.push(await chain.head('a.txt').catch((error: unknown) => error))
    }
    return { requests: server.requests.length, last: outcomes.at(-1) }
  }

  it('is tried once for an object that it does not have', async () => {
    expect(await headTimes(3, missing, {})).toEqual({ requests: 1, last: null })
  })

  it('is tried each time if absences are not cached', async () => {
    expect(await headTimes(3, missing, { FALLBACK_NEGATIVE_CACHE_SECONDS: 0 })).toEqual({
      requests: 3,
      last: null,
    })
  })

  it('is skipped after as many failures as the breaker allows', async () => {
    const { requests, last } = await headTimes(4, broken, { FALLBACK_BREAKER_FAILURES: 2 })
    expect(requests).toBe(2)
    expect(last).toBeInstanceOf(StorageError)
    expect(last).toMatchObject({ failures: [{ code: 'skipped', backend: 'origin' }] })
  })

  it('is tried each time if there is no breaker', async () => {
    expect(await headTimes(8, broken, { FALLBACK_BREAKER_FAILURES: 0 })).toMatchObject({ requests: 8 })
  })
})

describe('a primary', () => {
  it('is tried each time, so that an object that was just copied is found', async () => {
    const { chain } = deploy([r2])
    expect(await chain.head('a.txt')).toBeNull()
    await bound.MEDIA.put('a.txt', 'hello')
    expect(await textOf(chain.get('a.txt'))).toBe('hello')
  })
})

/** Chains in which writes of a name go to R2, although it is not the first backend. */
describe.each([
  ['a read-only backend', [origin, r2], 'a'],
  [
    'a backend that excludes the name',
    [{ type: 'kv', binding: 'MEDIA_KV', exclude: '^a$' }, r2, origin],
    'a',
  ],
  [
    'a backend in which the name is too long',
    [{ type: 'kv', binding: 'MEDIA_KV' }, r2, origin],
    'a'.repeat(600),
  ],
])('R2 behind %s', (_, tables, name) => {
  const isolate = (ORIGIN: Response | null) =>
    deploy(tables, {
      FALLBACK_DATA_MIGRATION: true,
      ORIGIN: answering(() => ORIGIN?.clone() ?? new Response(null, { status: 404 })),
    }).chain

  it('shows a change at once that was made in another isolate', async () => {
    const [one, other] = [isolate(new Response('old')), isolate(new Response('old'))]
    expect(await one.head(name)).toMatchObject({ backend: 'origin' })
    await other.delete(name)
    expect(await one.head(name)).toBeNull()
    const [third, fourth] = [isolate(null), isolate(null)]
    expect(await third.head(name)).toBeNull()
    await putObject(fourth, name, new Uint8Array(5))
    expect(await third.head(name)).toMatchObject({ size: 5 })
  })

  it('shows a change at once to reads of the body', async () => {
    const chain = isolate(null)
    for (const text of ['version 1', 'version 2']) {
      await putObject(chain, name, new TextEncoder().encode(text))
      expect(await textOf(chain.get(name))).toBe(text)
    }
    await chain.delete(name)
    expect(await textOf(chain.get(name))).toBeNull()
  })
})

it('a fallback that takes what the first backend is too small for shows a change at once, and its bodies are shared with copies', async () => {
  const { chain } = deploy([{ type: 'kv', binding: 'MEDIA_KV' }, r2], { FALLBACK_DATA_MIGRATION: true })
  for (const text of ['version 1', 'version 2']) {
    await chain.backends[1]?.put?.('a', new TextEncoder().encode(text))
    const object = await chain.get('a')
    expect(await new Response(object?.body).text()).toBe(text)
    if (text === 'version 1') expect(object?.shared?.leader).toBe(true)
  }
})

it('a copy into a first backend with a size limit does not hide what was written behind it meanwhile', async () => {
  const ORIGIN = answering(async ({ method }) => {
    if (method === 'HEAD') return new Response(null, { headers: { 'Content-Length': '3' } })
    // Where a PUT goes that is too large for KV.
    await chain.backends[1]?.put?.('a', new TextEncoder().encode('new'))
    return new Response('old')
  })
  const { chain } = deploy([{ type: 'kv', binding: 'MEDIA_KV' }, r2, origin], { ORIGIN })
  expect(await copyName(chain, 'a')).toEqual({ outcome: 'present', bytes: 0 })
  expect(await textOf(chain.get('a'))).toBe('new')
})

it('nor does a copy of the object that was replaced behind it meanwhile', async () => {
  const put = async (text: string) => chain.backends[1]?.put?.('a', new TextEncoder().encode(text))
  const bucket = new Proxy(bound.MEDIA, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key)
      if (key !== 'get') return typeof value === 'function' ? value.bind(target) : value
      return async (name: string) => {
        const found = await target.get(name)
        await put('new')
        return found
      }
    },
  })
  const { chain } = deploy([{ type: 'kv', binding: 'MEDIA_KV' }, r2], { MEDIA: bucket })
  await put('old')
  expect(await copyName(chain, 'a')).toEqual({ outcome: 'present', bytes: 0 })
  expect(await textOf(bound.MEDIA.get('a'))).toBe('new')
  expect(await chain.head('a')).toMatchObject({ backend: 'media' })
})
