import { describe, expect, it } from 'vitest'
import type { ByteRange, RangeRequest } from '../../src/storage/object.ts'
import { seed, textOf } from './conformance-fixtures.ts'
import type { Create, Traits } from './conformance.ts'

const STRONG_ETAG = /^"[^"]*"$/

const RANGES: { range: RangeRequest; bytes: string; got: ByteRange }[] = [
  { range: { offset: 0 }, bytes: '0123456789', got: { start: 0, end: 9 } },
  { range: { offset: 0, length: 1 }, bytes: '0', got: { start: 0, end: 0 } },
  { range: { offset: 0, length: 10 }, bytes: '0123456789', got: { start: 0, end: 9 } },
  { range: { offset: 0, length: 11 }, bytes: '0123456789', got: { start: 0, end: 9 } },
  { range: { offset: 2, length: 3 }, bytes: '234', got: { start: 2, end: 4 } },
  { range: { offset: 5 }, bytes: '56789', got: { start: 5, end: 9 } },
  { range: { offset: 9 }, bytes: '9', got: { start: 9, end: 9 } },
  { range: { offset: 9, length: 1000 }, bytes: '9', got: { start: 9, end: 9 } },
  { range: { suffix: 1 }, bytes: '9', got: { start: 9, end: 9 } },
  { range: { suffix: 4 }, bytes: '6789', got: { start: 6, end: 9 } },
  { range: { suffix: 10 }, bytes: '0123456789', got: { start: 0, end: 9 } },
  { range: { suffix: 99_999 }, bytes: '0123456789', got: { start: 0, end: 9 } },
]

const PAST_THE_END: RangeRequest[] = [
  { offset: 10 },
  { offset: 10, length: 1 },
  { offset: 11 },
  { offset: 11, length: 5 },
  { offset: 2 ** 40 },
  { offset: Number.MAX_SAFE_INTEGER },
  { suffix: 0 },
]

export function describeReading(create: Create, traits: Traits): void {
  describe('reading', () => {
    it('answers a miss with null', async () => {
      const backend = await create()
      expect(await backend.get('read/none.jpg')).toBeNull()
      expect(await backend.get('read/none.jpg', { range: { offset: 5 } })).toBeNull()
      expect(await backend.head('read/none.jpg')).toBeNull()
    })

    it('gives the whole object with what is known of it', async () => {
      const backend = await create()
      await seed(backend, traits, 'read/digits.jpg')
      const object = await backend.get('read/digits.jpg')
      expect(object).toMatchObject({
        name: 'read/digits.jpg',
        backend: backend.name,
        size: 10,
        contentType: 'image/jpeg',
      })
      expect(object?.range).toBeUndefined()
      expect(object?.etag ?? '""').toMatch(STRONG_ETAG)
      expect(await textOf(object)).toBe('0123456789')
    })

    it('reports the same by head', async () => {
      const backend = await create()
      await seed(backend, traits, 'read/digits.jpg')
      const { body, ...info } = (await backend.get('read/digits.jpg')) ?? {}
      await body?.cancel()
      expect(await backend.head('read/digits.jpg')).toMatchObject({
        ...info,
        name: 'read/digits.jpg',
        backend: backend.name,
        size: 10,
      })
    })

    it('gives an empty object', async () => {
      const backend = await create()
      await seed(backend, traits, 'read/empty.jpg', new Uint8Array())
      expect(await textOf(await backend.get('read/empty.jpg'))).toBe('')
      expect(await backend.head('read/empty.jpg')).toMatchObject({ size: 0 })
    })

    describeRanges(create, traits)
    describeIfMatch(create, traits)
  })
}

function describeRanges(create: Create, traits: Traits): void {
  it.each(RANGES)('gives the range $range', async ({ range, bytes, got }) => {
    const backend = await create()
    await seed(backend, traits, 'read/digits.jpg')
    const object = await backend.get('read/digits.jpg', { range })
    expect(object).toMatchObject({ size: 10, range: got })
    expect(await textOf(object)).toBe(bytes)
  })

  it.each(PAST_THE_END.map((range) => ({ range })))(
    'refuses the range $range and reports the size',
    async ({ range }) => {
      const backend = await create()
      await seed(backend, traits, 'read/digits.jpg')
      await expect(backend.get('read/digits.jpg', { range })).rejects.toMatchObject({
        code: 'unsatisfiable',
        size: 10,
      })
    },
  )

  it.each([{ offset: 0 }, { offset: 0, length: 5 }, { offset: 3 }, { suffix: 0 }])(
    'refuses the range %o of an empty object',
    async (range: RangeRequest) => {
      const backend = await create()
      await seed(backend, traits, 'read/empty.jpg', new Uint8Array())
      await expect(backend.get('read/empty.jpg', { range })).rejects.toMatchObject({
        code: 'unsatisfiable',
        size: 0,
      })
    },
  )

  it('gives a range out of the middle of many chunks', async () => {
    const backend = await create()
    const bytes = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff)
    await seed(backend, traits, 'read/large.bin', bytes)
    const object = await backend.get('read/large.bin', { range: { offset: 131_000, length: 70_000 } })
    const got = new Uint8Array(await new Response(object?.body).arrayBuffer())
    expect(got.length).toBe(70_000)
    expect(got).toEqual(bytes.slice(131_000, 201_000))
  })

  it('lets a reader stop early', async () => {
    const backend = await create()
    await seed(backend, traits, 'read/large.bin', new Uint8Array(300_000))
    const whole = await backend.get('read/large.bin')
    await whole?.body.cancel()
    const part = await backend.get('read/large.bin', { range: { offset: 1000 } })
    const reader = part?.body.getReader()
    expect((await reader?.read())?.value?.length).toBeGreaterThan(0)
    await reader?.cancel()
    expect(await backend.head('read/large.bin')).toMatchObject({ size: 300_000 })
  })
}

function describeIfMatch(create: Create, traits: Traits): void {
  it('reads on only from the same object', async () => {
    const backend = await create()
    await seed(backend, traits, 'read/digits.jpg')
    const info = await backend.head('read/digits.jpg')
    const same = await backend.get('read/digits.jpg', {
      range: { offset: 8 },
      ...(info?.etag !== undefined && { ifMatch: info.etag }),
    })
    expect(await textOf(same)).toBe('89')
    await expect(backend.get('read/digits.jpg', { ifMatch: '"another"' })).rejects.toMatchObject({
      code: 'precondition',
    })
  })
}
