import { describe, expect, it } from 'vitest'
import { fakeS3, md5Of, type Deviations } from '../kit/s3-fake.ts'
import { withStaging } from '../../src/wrappers/staging.ts'
import { compareNames } from '../../src/storage/order.ts'
import { entry, errorAnswer, listAnswer } from '../kit/s3-script.ts'

const bytes = Uint8Array.from({ length: 300 }, (_, index) => index % 251)
const other = new Uint8Array(5).fill(7)
const stream = (of: Uint8Array = bytes) => new Response(of.slice()).body as ReadableStream<Uint8Array>
const wrong = '0'.repeat(32)
const isProbe = (key: string): boolean => key.startsWith('-/')
/** Requests for the bucket itself list the leftovers of earlier probes. */
const isOurs = (key: string): boolean => isProbe(key) || key === ''

const servers: [string, Deviations][] = [
  ['heeds all', {}],
  ['ignores Content-MD5', { contentMd5: 'ignored' }],
  ['ignores If-None-Match', { ifNoneMatch: 'ignored' }],
  ['ignores If-Match', { ifMatch: 'ignored' }],
  ['ignores everything', { contentMd5: 'ignored', ifNoneMatch: 'ignored', ifMatch: 'ignored' }],
  ['answers 501 to conditions', { ifNoneMatch: 'refused', ifMatch: 'refused' }],
  [
    'answers 501 to conditions and ignores Content-MD5',
    { ifNoneMatch: 'refused', ifMatch: 'refused', contentMd5: 'ignored' },
  ],
  [
    'lets no probe be written',
    { instead: ({ key }) => (isProbe(key) ? errorAnswer(403, 'AccessDenied') : undefined) },
  ],
  [
    'lets no probe be written, and ignores everything',
    {
      contentMd5: 'ignored',
      ifNoneMatch: 'ignored',
      ifMatch: 'ignored',
      instead: ({ key }) => (isProbe(key) ? errorAnswer(403, 'AccessDenied') : undefined),
    },
  ],
]

describe.each(servers)('an S3 server that %s', (_, deviations) => {
  it('has a new object completely from the first moment', async () => {
    const { backend, history, objects } = fakeS3(deviations)
    const digests = { md5: await md5Of(bytes) }
    const stored = await backend.put('a', stream(), { size: 300, onlyIf: 'absent', digests })
    expect(stored).toMatchObject({ size: 300 })
    expect(history('a')).toEqual([300])
    expect([...objects.keys()]).toEqual(['a'])
  })

  it.each([
    ['a stream', () => stream()],
    ['bytes', () => bytes],
  ])('keeps what is there from a copy that is %s', async (_kind, body) => {
    const { backend, objects, history } = fakeS3(deviations)
    objects.set('a', other)
    expect(await backend.put('a', body(), { size: 300, onlyIf: 'absent' })).toBeNull()
    expect(objects.get('a')).toEqual(other)
    expect(history('a')).toEqual([])
  })

  it('replaces only the version that is named', async () => {
    const { backend, objects } = fakeS3(deviations)
    const version = (await backend.put('a', other))?.version ?? ''
    expect(await backend.put('a', stream(), { size: 300, onlyIf: { version } })).toMatchObject({ size: 300 })
    expect(await backend.put('a', stream(other), { size: 5, onlyIf: { version } })).toBeNull()
    expect(objects.get('a')).toEqual(bytes)
  })

  it.each([
    ['a stream', () => stream()],
    ['bytes', () => bytes],
  ])('stores nothing of %s whose MD5 differs', async (_kind, body) => {
    const { backend, objects } = fakeS3(deviations)
    const putting = backend.put('a', body(), { size: 300, digests: { md5: wrong } })
    await expect(putting).rejects.toMatchObject({ code: 'corrupt' })
    expect([...objects.keys()]).toEqual([])
  })
})

describe('probing an S3 server', () => {
  it('happens once, however many write at the same time', async () => {
    const { backend, requests } = fakeS3()
    const names = Array.from({ length: 20 }, (_, index) => `photos/${index}.jpg`)
    await Promise.all(names.map((name) => backend.put(name, stream(), { size: 300, onlyIf: 'absent' })))
    await backend.put('later', bytes, { onlyIf: 'absent' })
    const probes = requests.filter(({ key }) => isOurs(key)).map(({ method }) => method)
    expect(probes.toSorted(compareNames)).toEqual(['DELETE', 'GET', 'PUT', 'PUT', 'PUT', 'PUT'])
    expect(requests.filter(({ key }) => !isOurs(key)).map(({ method }) => method)).toEqual(
      Array.from({ length: 21 }, () => 'PUT'),
    )
  })

  it('is omitted if nothing depends on it', async () => {
    const { backend, requests } = fakeS3()
    await backend.put('a', bytes)
    await backend.get('a')
    await backend.delete('a')
    expect(requests.map(({ method, key }) => `${method} ${key}`)).toEqual(['PUT a', 'GET a', 'DELETE a'])
  })

  it('writes below its own prefix, each time under another key', async () => {
    const keys = await Promise.all(
      [1, 2].map(async () => {
        const { backend, requests } = fakeS3({}, { prefix: 'media/' })
        await backend.put('media/a', bytes, { onlyIf: 'absent' })
        return new Set(
          requests.map(({ key }) => key).filter((key) => isOurs(key.replace('media/', '')) && key !== ''),
        )
      }),
    )
    for (const own of keys) for (const key of own) expect(key).toMatch(/^media\/-\/probe\/[0-9a-f-]{36}$/)
    expect(keys[0]?.isDisjointFrom(keys[1] ?? new Set())).toBe(true)
  })

  it('says what it could not remove, and hides it from listings', async () => {
    const left: string[] = []
    const { backend, objects } = fakeS3(
      { instead: ({ method }) => (method === 'DELETE' ? errorAnswer(403, 'AccessDenied') : undefined) },
      { onProbeFailure: ({ key }) => void left.push(key) },
    )
    await backend.put('a', bytes, { onlyIf: 'absent' })
    expect([...objects.keys()].filter(isProbe)).toEqual(left)
    expect(left).toHaveLength(1)
    const listed = await withStaging(backend, () => {}).list?.()
    expect(listed?.objects.map(({ name }) => name)).toEqual(['a'])
  })

  it('removes leftovers of earlier probes, and nothing that another probe may be using', async () => {
    const { backend, objects, requests } = fakeS3({
      instead: ({ key, method }) =>
        key === '' && method === 'GET'
          ? listAnswer(entry('-/probe/old') + entry('-/probe/new').replace('2024-', '2124-'))
          : undefined,
    })
    objects.set('-/probe/old', other).set('-/probe/new', other)
    await backend.put('a', bytes, { onlyIf: 'absent' })
    await expect.poll(() => [...objects.keys()]).toEqual(['-/probe/new', 'a'])
    expect(requests.filter(({ key }) => key === '-/probe/new')).toEqual([])
  })

  it('is retried if the server accepts no more writes of the key at the moment', async () => {
    const busy = new Set(['PUT', 'DELETE'])
    const { backend, requests, objects } = fakeS3({
      // R2 accepts one write per second and key.
      instead: ({ method, key, headers }) =>
        isProbe(key) && (headers.has('If-None-Match') || method === 'DELETE') && busy.delete(method)
          ? errorAnswer(429, 'TooManyRequests')
          : undefined,
    })
    await backend.put('a', bytes, { onlyIf: 'absent' })
    await backend.put('b', bytes, { onlyIf: 'absent' })
    expect([...objects.keys()]).toEqual(['a', 'b'])
    expect(requests.filter(({ method }) => method === 'HEAD')).toEqual([])
  })

  it('that fails is not repeated with every write, and a HEAD comes before each', async () => {
    const unknown = new Set<unknown>()
    const { backend, requests } = fakeS3(
      { instead: ({ key }) => (isProbe(key) ? errorAnswer(500, 'InternalError') : undefined) },
      { onProbeFailure: ({ header }) => void unknown.add(header) },
    )
    await backend.put('a', bytes, { onlyIf: 'absent' })
    expect(unknown).toEqual(new Set(['If-None-Match', 'If-Match', 'Content-MD5']))
    const probes = requests.filter(({ key }) => isProbe(key)).length
    await backend.put('b', bytes, { onlyIf: 'absent' })
    expect(requests.filter(({ key }) => isProbe(key))).toHaveLength(probes)
    const own = requests.filter(({ key }) => key === 'b')
    expect(own.map(({ method, headers }) => [method, headers.get('If-None-Match')])).toEqual([
      ['HEAD', null],
      ['PUT', '*'],
    ])
  })

  it('that failed is replaced by the first 501', async () => {
    const { backend, requests, objects } = fakeS3({
      ifNoneMatch: 'refused',
      instead: ({ key }) => (isProbe(key) ? errorAnswer(403, 'AccessDenied') : undefined),
    })
    expect(await backend.put('a', bytes, { onlyIf: 'absent' })).toMatchObject({ size: 300 })
    expect(await backend.put('b', stream(), { size: 300, onlyIf: 'absent' })).toMatchObject({ size: 300 })
    expect([...objects.keys()]).toEqual(['a', 'b'])
    const puts = requests.filter(({ method, key }) => method === 'PUT' && key === 'b')
    expect(puts.map(({ headers }) => headers.has('If-None-Match'))).toEqual([false])
  })
})

describe('an S3 server whose lock refuses to replace and delete anything', () => {
  it('stores what is new, and keeps what is there', async () => {
    const failures: string[] = []
    const { backend, objects } = fakeS3(
      { locked: true },
      { onProbeFailure: ({ consequence }) => failures.push(consequence) },
    )
    expect(await backend.put('a', bytes, { onlyIf: 'absent' })).toMatchObject({ size: 300 })
    expect(await backend.put('a', other, { onlyIf: 'absent' })).toBeNull()
    expect(await backend.put('a', other, { onlyIf: { version: '"another"' } })).toBeNull()
    const version = (await backend.head('a'))?.version ?? ''
    const locked = { code: 'locked', backend: 'legacy' }
    await expect(backend.put('a', other)).rejects.toMatchObject(locked)
    await expect(backend.put('a', other, { onlyIf: { version } })).rejects.toMatchObject(locked)
    await expect(backend.delete('a')).rejects.toMatchObject(locked)
    expect(objects.get('a')).toEqual(bytes)
    expect(failures).toEqual([expect.stringContaining('stays until its lock ends')])
  })
})
