import { describe, expect, it } from 'vitest'
import type { RangeRequest } from '../../src/storage/object.ts'
import { backendOf, CONTENT, MODIFIED, ok, partial, read } from '../kit/http-origin.ts'

describe('a range', () => {
  const cases: [string, RangeRequest, string, Response, string][] = [
    ['in the middle', { offset: 2, length: 3 }, 'bytes=2-4', partial('bytes 2-4/10', '234'), '234'],
    ['beyond the end', { offset: 8, length: 50 }, 'bytes=8-57', partial('bytes 8-9/10', '89'), '89'],
    ['to the end', { offset: 7 }, 'bytes=7-', partial('bytes 7-9/10', '789'), '789'],
    ['from the end', { suffix: 2 }, 'bytes=-2', partial('bytes 8-9/10', '89'), '89'],
    ['longer than all', { suffix: 99 }, 'bytes=-99', partial('bytes 0-9/10', CONTENT), CONTENT],
    ['of unknown size', { offset: 2, length: 3 }, 'bytes=2-4', partial('bytes 2-4/*', '234'), '234'],
    ['ignored', { offset: 2, length: 3 }, 'bytes=2-4', ok(), '234'],
    ['ignored, from the end', { suffix: 2 }, 'bytes=-2', ok(), '89'],
  ]
  it.each(cases)('%s comes as requested', async (_, range, header, answer, bytes) => {
    const { backend, requests } = backendOf(() => answer)
    const object = await backend.get('a', { range })
    expect(requests[0]?.headers.get('Range')).toBe(header)
    expect(await read(object?.body)).toBe(bytes)
    const start = CONTENT.indexOf(bytes)
    expect(object?.range).toEqual({ start, end: start + bytes.length - 1 })
  })

  it.each<[string, RangeRequest, () => Response]>([
    ['another start', { offset: 2, length: 3 }, () => partial('bytes 1-3/10', '123')],
    ['another end', { offset: 2, length: 3 }, () => partial('bytes 2-3/10', '23')],
    ['a later end', { offset: 2, length: 3 }, () => partial('bytes 2-5/10', '2345')],
    ['no Content-Range', { offset: 2 }, () => new Response('x', { status: 206 })],
    ['several parts', { offset: 2 }, () => partial('multipart/byteranges', '--')],
    ['an open end of unknown size', { offset: 2 }, () => partial('bytes 2-9/*', '23456789')],
    ['a Content-Length of its own', { offset: 2, length: 3 }, () => partial('bytes 2-4/10', '2345')],
    [
      'an encoded part',
      { offset: 2, length: 3 },
      () => partial('bytes 2-4/10', '234', { 'Content-Encoding': 'gzip' }),
    ],
    ['a part as the whole', { offset: 2, length: 3 }, () => ok({ 'Content-Range': 'bytes 2-4/10' }, '234')],
    ['416 for what is there', { offset: 2 }, () => unsatisfied('bytes */10')],
  ])('answered with %s is a failure', async (_, range, answer) => {
    const { backend } = backendOf(answer)
    await expect(backend.get('a', { range })).rejects.toMatchObject({ code: 'unavailable', backend: 'old' })
  })

  it('that was not requested is a failure', async () => {
    const { backend } = backendOf(() => partial('bytes 0-9/10', CONTENT))
    await expect(backend.get('a')).rejects.toMatchObject({ code: 'unavailable', status: 206 })
  })

  it.each([
    ['gives', () => unsatisfied('bytes */10')],
    ['keeps to itself', (request: Request) => (request.method === 'HEAD' ? ok() : unsatisfied(null))],
    ['ignores the range and gives', () => ok()],
  ])('past the end is unsatisfiable, with the size that the origin %s', async (_, answer) => {
    const { backend } = backendOf(answer)
    const refused = { code: 'unsatisfiable', size: 10 }
    await expect(backend.get('a', { range: { offset: 10 } })).rejects.toMatchObject(refused)
  })

  it('of no bytes is unsatisfiable without a request for a body', async () => {
    const { backend, requests } = backendOf(() => ok())
    const refused = { code: 'unsatisfiable', size: 10 }
    await expect(backend.get('a', { range: { suffix: 0 } })).rejects.toMatchObject(refused)
    expect(requests.map(({ method }) => method)).toEqual(['HEAD'])
  })

  it('that is ignored by an origin without a length gets the whole object', async () => {
    const { backend } = backendOf(() => new Response(new Blob([CONTENT]).stream()))
    const object = await backend.get('a', { range: { suffix: 2 } })
    expect(object?.range).toBeUndefined()
    expect(await read(object?.body)).toBe(CONTENT)
  })

  it('in a chunked answer that ends early fails the reader', async () => {
    const stream = new Blob(['23']).stream()
    const { backend } = backendOf(
      () => new Response(stream, { status: 206, headers: { 'Content-Range': 'bytes 2-4/10' } }),
    )
    const object = await backend.get('a', { range: { offset: 2, length: 3 } })
    await expect(read(object?.body)).rejects.toThrow('expected bytes')
  })

  function unsatisfied(range: string | null): Response {
    return new Response(null, { status: 416, headers: range === null ? {} : { 'Content-Range': range } })
  }
})

describe('ifMatch', () => {
  it('accepts the object that it names, even by a derived ETag', async () => {
    const { backend, requests } = backendOf(() => ok({ 'Last-Modified': MODIFIED }))
    const etag = (await backend.head('a'))?.etag ?? ''
    expect(await read((await backend.get('a', { ifMatch: etag }))?.body)).toBe(CONTENT)
    expect(requests[1]?.headers.has('If-Match')).toBe(false)
  })

  it('refuses any other', async () => {
    const { backend } = backendOf(() => ok({ ETag: '"new"' }))
    await expect(backend.get('a', { ifMatch: '"old"' })).rejects.toMatchObject({ code: 'precondition' })
  })
})
