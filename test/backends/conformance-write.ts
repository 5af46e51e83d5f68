import { describe, expect, it } from 'vitest'
import {
  chunked,
  DIGITS,
  DIGITS_MD5,
  DIGITS_SHA256,
  encoder,
  expectNothing,
  textOf,
  writable,
} from './conformance-fixtures.ts'
import type { Create, Traits } from './conformance.ts'

export function describeWriting(create: Create, traits: Traits): void {
  describe('writing', () => {
    describeBodies(create)
    describeDigests(create, traits)
    if (traits.conditional) describeConditions(create)
    describeDeletes(create)
  })
}

function describeBodies(create: Create): void {
  it('stores bytes and returns what it stored', async () => {
    const backend = await writable(create)
    const stored = await backend.put('write/a.jpg', DIGITS, { info: { contentType: 'image/jpeg' } })
    expect(stored).toMatchObject({
      name: 'write/a.jpg',
      backend: backend.name,
      size: 10,
      contentType: 'image/jpeg',
    })
    expect(await textOf(await backend.get('write/a.jpg'))).toBe('0123456789')
    expect(await backend.head('write/a.jpg')).toMatchObject({ etag: stored?.etag, version: stored?.version })
  })

  it('stores a stream', async () => {
    const backend = await writable(create)
    const stored = await backend.put('write/a.jpg', chunked('0123', '456', '789'), { size: 10 })
    expect(stored).toMatchObject({ size: 10 })
    expect(await textOf(await backend.get('write/a.jpg'))).toBe('0123456789')
  })

  it('stores an empty stream', async () => {
    const backend = await writable(create)
    expect(await backend.put('write/empty', chunked(), { size: 0 })).toMatchObject({ size: 0 })
    expect(await textOf(await backend.get('write/empty'))).toBe('')
  })

  it('replaces, in bytes and in all that is kept beside them', async () => {
    const backend = await writable(create)
    const before = await backend.put('write/a.jpg', DIGITS, {
      info: { contentType: 'image/png', metadata: { a: '1' } },
    })
    const after = await backend.put('write/a.jpg', encoder.encode('new'), {
      info: { contentType: 'text/plain' },
    })
    expect(after?.etag).not.toBe(before?.etag)
    const object = await backend.get('write/a.jpg')
    expect(object).toMatchObject({ contentType: 'text/plain', size: 3 })
    expect(object?.metadata).toBeUndefined()
    expect(await textOf(object)).toBe('new')
  })

  it.each([
    ['short', ['0123', '456'], 10],
    ['long', ['0123', '456', '7890'], 10],
    ['long after every announced byte', ['0123456789', 'x'], 10],
    ['not empty', ['x'], 0],
  ])('stores nothing of a stream that is %s', async (_, chunks, size) => {
    const backend = await writable(create)
    await expect(backend.put('write/bad', chunked(...chunks), { size })).rejects.toMatchObject({
      code: 'corrupt',
    })
    await expectNothing(backend, 'write/bad')
  })

  it.each([9, 11])('stores nothing of a native body of 10 bytes that is announced as %i', async (size) => {
    const backend = await writable(create)
    const { body } = new Response(DIGITS)
    if (!body) throw new Error('a response with bytes has a body')
    await expect(backend.put('write/bad', body, { size })).rejects.toMatchObject({ code: 'corrupt' })
    await expectNothing(backend, 'write/bad')
  })

  it('stores nothing of bytes of another length than announced', async () => {
    const backend = await writable(create)
    await expect(backend.put('write/bad', DIGITS, { size: 9 })).rejects.toMatchObject({ code: 'corrupt' })
    await expectNothing(backend, 'write/bad')
  })

  it('stores nothing of an interrupted stream, and keeps the current object', async () => {
    const backend = await writable(create)
    await backend.put('write/a.jpg', encoder.encode('old'))
    let sent = false
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) throw new Error('the source broke off')
        sent = true
        controller.enqueue(encoder.encode('0123'))
      },
    })
    await expect(backend.put('write/a.jpg', broken, { size: 10 })).rejects.toMatchObject({
      name: 'StorageError',
    })
    expect(await textOf(await backend.get('write/a.jpg'))).toBe('old')
  })
}

function describeDigests(create: Create, traits: Traits): void {
  const algorithm = traits.digest ?? 'sha256'
  const right = { [algorithm]: algorithm === 'md5' ? DIGITS_MD5 : DIGITS_SHA256 }
  const wrong = { [algorithm]: '0'.repeat(algorithm === 'md5' ? 32 : 64) }

  it('stores what has the announced digest', async () => {
    const backend = await writable(create)
    expect(await backend.put('write/a', DIGITS, { digests: right })).toMatchObject({ size: 10 })
    expect(
      await backend.put('write/b', chunked('01234', '56789'), { size: 10, digests: right }),
    ).toMatchObject({ size: 10 })
    expect(await textOf(await backend.get('write/b'))).toBe('0123456789')
  })

  it('stores nothing that has another digest', async () => {
    const backend = await writable(create)
    await expect(backend.put('write/bad', DIGITS, { digests: wrong })).rejects.toMatchObject({
      code: 'corrupt',
    })
    const stream = backend.put('write/bad', chunked('01234', '56789'), { size: 10, digests: wrong })
    await expect(stream).rejects.toMatchObject({ code: 'corrupt' })
    await expectNothing(backend, 'write/bad')
  })
}

function describeConditions(create: Create): void {
  it('creates only what is absent', async () => {
    const backend = await writable(create)
    expect(await backend.put('write/once', DIGITS, { onlyIf: 'absent' })).toMatchObject({ size: 10 })
    expect(await backend.put('write/once', encoder.encode('late'), { onlyIf: 'absent' })).toBeNull()
    expect(await backend.put('write/once', chunked('late'), { size: 4, onlyIf: 'absent' })).toBeNull()
    expect(await textOf(await backend.get('write/once'))).toBe('0123456789')
  })

  it('replaces only the version that was named', async () => {
    const backend = await writable(create)
    await backend.put('write/v', DIGITS)
    const version = (await backend.head('write/v'))?.version ?? ''
    const next = await backend.put('write/v', encoder.encode('second'), { onlyIf: { version } })
    expect(next).toMatchObject({ size: 6 })
    expect(await backend.put('write/v', encoder.encode('third'), { onlyIf: { version } })).toBeNull()
    expect(await textOf(await backend.get('write/v'))).toBe('second')
    expect(await backend.put('write/gone', DIGITS, { onlyIf: { version } })).toBeNull()
    await expectNothing(backend, 'write/gone')
  })
}

function describeDeletes(create: Create): void {
  it('deletes, and deletes again without complaint', async () => {
    const backend = await writable(create)
    await backend.put('write/a', DIGITS)
    await backend.put('write/ab', DIGITS)
    await backend.delete('write/a')
    await backend.delete('write/a')
    expect(await backend.get('write/a')).toBeNull()
    expect(await backend.head('write/ab')).toMatchObject({ size: 10 })
  })
}
