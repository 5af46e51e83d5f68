import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { serve } from '../kit/origin/serve.ts'
import { drip, encoded, status, type Fault } from '../kit/origin/spoil.ts'
import { faults } from '../kit/origin/faults.ts'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { bytesOf, describeEachSource, LARGE, SMALL } from './each-source.ts'
import { eventually } from '../kit/eventually.ts'

const TEXT = Buffer.from('All of this is text. '.repeat(5000))
const PLAIN = { 'content-type': 'text/plain' }
const OLD = 'fallback-storage; fwd=uri-miss; stored; detail=old'

describeEachSource('migration on read', (the, type) => {
  it('copies a small object while it is served, with one request to the origin', async () => {
    const { site, source } = the
    await source.add('small.bin', SMALL)
    const response = await site.fetch('/small.bin')
    expect(response.headers.get('Cache-Status')).toBe(OLD)
    expect(response.headers.get('Content-Length')).toBe(`${SMALL.length}`)
    expect((await bytesOf(response)).equals(SMALL)).toBe(true)
    expect((await site.stored('small.bin')).equals(SMALL)).toBe(true)
    expect(source.requests('small.bin')).toEqual(['GET'])
    const second = await site.fetch('/small.bin')
    expect(second.headers.get('Cache-Status')).toBe('fallback-storage; hit; detail=media')
    expect((await bytesOf(second)).equals(SMALL)).toBe(true)
  })

  it('copies a larger object in the background, once for any number of clients', async () => {
    const { site, source } = the
    await source.add('large.bin', LARGE)
    const bodies = await Promise.all(Array.from({ length: 8 }, () => bytesOf(site.fetch('/large.bin'))))
    expect(bodies.every((body) => body.equals(LARGE))).toBe(true)
    expect((await site.stored('large.bin')).equals(LARGE)).toBe(true)
    await site.copied('large.bin', 'copied')
    expect(site.copies('large.bin')).toEqual(['copied'])
    expect(source.requests('large.bin').filter((method) => method === 'GET')).toHaveLength(9)
  })

  it('copies the whole object if a part is requested', async () => {
    const { site, source } = the
    await source.add('part.bin', SMALL)
    const part = await site.fetch('/part.bin', { headers: { Range: 'bytes=1000-1999' } })
    expect(part.status).toBe(206)
    expect(part.headers.get('Cache-Status')).toBe(OLD)
    expect((await bytesOf(part)).equals(SMALL.subarray(1000, 2000))).toBe(true)
    expect((await site.stored('part.bin')).equals(SMALL)).toBe(true)
  })

  const codings: [coding: string, add: (name: string) => Promise<void>][] = [
    [
      'chunked',
      (name) => the.source.add(name, TEXT, PLAIN).then(() => the.source.set(name, faults.chunked.fault)),
    ],
    ['gzip', (name) => addEncoded(name, gzipSync)],
    ['br', (name) => addEncoded(name, brotliCompressSync)],
  ]
  /** A web server encodes responses; in a bucket, the object itself is encoded. */
  async function addEncoded(name: string, encode: (body: Buffer) => Buffer): Promise<void> {
    const coding = name.split('.')[0] ?? ''
    if (type === 'http')
      return the.source.add(name, TEXT, PLAIN).then(() => the.source.set(name, encoded(coding, encode)))
    await the.source.add(name, encode(TEXT), { ...PLAIN, 'content-encoding': coding })
    // The local S3 endpoint stores the header and does not send it.
    await the.source.set(name, (exchange) => {
      exchange.response.setHeader('Content-Encoding', coding)
      serve(exchange)
    })
  }
  it.each(codings)(
    'serves and stores what comes as %s so that bytes and headers agree',
    async (coding, add) => {
      const { site } = the
      const name = `${coding}.txt`
      await add(name)
      const isKeptEncoded = type === 's3' && coding !== 'chunked'
      const headers = { 'Accept-Encoding': isKeptEncoded ? coding : 'identity' }
      const cold = await site.fetch(`/${name}`, { headers })
      expect((await bytesOf(cold)).equals(TEXT)).toBe(true)
      const stored = await site.stored(name)
      expect(stored.equals(TEXT)).toBe(!isKeptEncoded)
      const warm = await site.fetch(`/${name}`, { headers })
      expect(warm.headers.get('Cache-Status')).toContain('hit')
      expect((await bytesOf(warm)).equals(TEXT)).toBe(true)
      for (const { status: code, headers: sent } of [cold, warm])
        expect([code, sent.get('Content-Encoding')]).toEqual([200, isKeptEncoded ? coding : null])
      expect(warm.headers.get('ETag')).toBe(cold.headers.get('ETag'))
    },
  )

  it.each([
    ['small', SMALL],
    ['large', LARGE],
  ])('finishes the copy of a %s object whose client goes away', async (size, body) => {
    const { site, source } = the
    const name = `left-${size}.bin`
    await source.add(name, body)
    await source.set(name, drip(body.length / 2))
    const client = await site.open(`/${name}`)
    client.once('data', () => client.destroy())
    await eventually(
      () => 'the client has gone',
      async () => client.destroyed || null,
    )
    expect((await site.stored(name)).equals(body)).toBe(true)
  })

  it.each([
    ['small', SMALL],
    ['large', LARGE],
  ])('serves and copies a %s object while one of its clients reads nothing', async (size, body) => {
    const { site, source } = the
    const name = `stalled-${size}.bin`
    await source.add(name, body)
    const stalled = await site.open(`/${name}`)
    expect((await bytesOf(site.fetch(`/${name}`))).equals(body)).toBe(true)
    expect((await site.stored(name)).equals(body)).toBe(true)
    // It gets everything once it reads.
    expect(Buffer.concat(await stalled.toArray()).equals(body)).toBe(true)
  })

  it('fetches one body for 100 clients of a cold name, and all get the right bytes', async () => {
    const { site, source } = the
    await source.add('popular.bin', SMALL)
    const bodies = await Promise.all(Array.from({ length: 100 }, () => bytesOf(site.fetch('/popular.bin'))))
    expect(bodies.every((body) => body.equals(SMALL))).toBe(true)
    expect(source.requests('popular.bin')).toEqual(['GET'])
    await site.copied('popular.bin', 'copied')
    expect(site.copies('popular.bin')).toEqual(['copied'])
  })

  it('keeps the representation, the validators and the provenance', async () => {
    const { site, source } = the
    const kept = {
      'content-type': 'text/markdown; charset=utf-8',
      'content-language': 'de-CH',
      'content-disposition': `attachment; filename*=UTF-8''gr%C3%BCn.md`,
      'cache-control': 'public, max-age=77',
      expires: 'Wed, 01 May 2030 12:00:00 GMT',
      'x-amz-meta-photographer': 'Ada',
    }
    await source.add('kept.md', SMALL, kept)
    const described = (response: Response) =>
      Object.fromEntries(
        [...Object.keys(kept), 'etag', 'last-modified', 'content-length', 'accept-ranges'].map((header) => [
          header,
          response.headers.get(header),
        ]),
      )
    const before = await site.fetch('/kept.md')
    await before.arrayBuffer()
    await site.stored('kept.md')
    const after = await site.fetch('/kept.md')
    await after.arrayBuffer()
    expect(after.headers.get('Cache-Status')).toContain('hit')
    expect(described(after)).toMatchObject({
      ...kept,
      etag: expect.any(String),
      'last-modified': expect.any(String),
    })
    expect(described(after)).toEqual(described(before))
    const { customMetadata } = (await site.bucket.head('kept.md')) ?? {}
    expect(customMetadata).toMatchObject({
      photographer: 'Ada',
      'fallback-storage-source': 'old',
      'fallback-storage-source-etag': before.headers.get('ETag'),
      'fallback-storage-source-modified': new Date(before.headers.get('Last-Modified') ?? '').toISOString(),
      'fallback-storage-copied': expect.stringMatching(/^\d{4}-/),
    })
  })

  it('copies nothing for HEAD, exists, size, the times, url and list', async () => {
    const { site, source } = the
    await source.add('looked-at.bin', SMALL)
    const looks = ['exists', 'size', 'modified_time', 'url', 'get_available_name', 'explain'].map(
      (method) => `/-/api/${method}/looked-at.bin`,
    )
    for (const path of [...looks, '/-/api/list/looked', '/-/api/listdir/'])
      expect((await site.call(path)).status, path).toBeLessThan(300)
    const batch = { method: 'POST', body: JSON.stringify({ names: ['looked-at.bin'] }) }
    expect(await (await site.call('/-/api/exists', batch)).json()).toEqual({
      exists: { 'looked-at.bin': true },
    })
    expect((await site.fetch('/looked-at.bin', { method: 'HEAD' })).status).toBe(200)
    await sleep(1500)
    expect(await site.bucket.head('looked-at.bin')).toBeNull()
    expect(site.copies('looked-at.bin')).toEqual([])
    if (type === 'http') expect(source.requests('looked-at.bin')).not.toContain('GET')
  })

  it('stores only responses with status 200', async () => {
    const { site, source } = the
    const pages: Record<string, Fault> = {
      '204.jpg': status(204),
      '403.jpg': faults.status403.fault,
      '500.jpg': faults.status500.fault,
      '304.jpg': faults.status304.fault,
      'unrequested-part.jpg': faults.unrequestedPart.fault,
      ...(type === 'http' && { 'error-page.jpg': faults.htmlPage.fault }),
    }
    for (const [name, fault] of Object.entries(pages)) {
      await source.add(name, SMALL, { 'content-type': 'image/jpeg' })
      await source.set(name, fault)
      const answers = await Promise.all([site.fetch(`/${name}`), site.fetch(`/${name}`)])
      expect([name, ...answers.map((answer) => answer.status)]).toEqual([name, 502, 502])
    }
    await sleep(1500)
    for (const name of Object.keys(pages)) {
      expect([name, await site.bucket.head(name)]).toEqual([name, null])
      await source.set(name, null)
      expect((await bytesOf(site.fetch(`/${name}`))).equals(SMALL)).toBe(true)
      expect((await site.stored(name)).equals(SMALL)).toBe(true)
    }
  })

  it('resumes an interrupted download after the object has migrated', async () => {
    const { site, source } = the
    await source.add('resumed.bin', SMALL)
    const first = await site.fetch('/resumed.bin', { headers: { Range: 'bytes=0-99999' } })
    const etag = first.headers.get('ETag') ?? ''
    const beginning = await bytesOf(first)
    await site.stored('resumed.bin')
    const rest = await site.fetch('/resumed.bin', { headers: { Range: 'bytes=100000-', 'If-Range': etag } })
    expect([rest.status, rest.headers.get('Content-Range')]).toEqual([206, `bytes 100000-299999/300000`])
    expect(rest.headers.get('Cache-Status')).toContain('hit')
    expect(Buffer.concat([beginning, await bytesOf(rest)]).equals(SMALL)).toBe(true)
  })
})
