import { describe, expect, it } from 'vitest'
import { s3Backend } from '../../src/backends/s3/s3.ts'
import { startUpload } from '../kit/uploads.ts'
import { entry, errorAnswer, listAnswer, scripted } from '../kit/s3-script.ts'

const bytes = new Uint8Array(3)
const stored = () => new Response(null, { headers: { ETag: '"new"' } })
const there = (headers: Record<string, string> = {}) =>
  new Response(null, { headers: { ETag: '"old"', 'Content-Length': '3', ...headers } })
const missing = () => new Response(null, { status: 404 })
const missingKey = () => errorAnswer(404, 'NoSuchKey')
const notImplemented = () => errorAnswer(501, 'NotImplemented')
const stream = () => new Response(bytes).body as ReadableStream<Uint8Array>

describe('writing to servers that ignore conditions', () => {
  it('checks first, and remembers the result', async () => {
    const answers = [missing(), missingKey(), stored(), missing(), stored()]
    const { backend, sent } = scripted(answers, { refusesConditions: true })
    expect(await backend.put('a', bytes, { onlyIf: 'absent' })).toMatchObject({ etag: '"new"' })
    expect(await backend.put('b', bytes, { onlyIf: 'absent' })).toMatchObject({ etag: '"new"' })
    expect(
      sent.map(({ method, headers }) => `${method} ${headers.get('If-None-Match') ?? ''}`.trim()),
    ).toEqual(['HEAD', 'GET', 'PUT', 'HEAD', 'PUT'])
  })

  it('keeps the current object', async () => {
    const { backend, sent } = scripted([there(), there()], { refusesConditions: true })
    expect(await backend.put('a', bytes, { onlyIf: 'absent' })).toBeNull()
    expect(await backend.put('a', bytes, { onlyIf: { version: '"other"' } })).toBeNull()
    expect(sent.map(({ method }) => method)).toEqual(['HEAD', 'HEAD'])
  })

  it('detects that before it sends a stream', async () => {
    const { backend, sent } = scripted([missing(), missingKey(), stored()], { refusesConditions: true })
    expect(await backend.put('a', stream(), { size: 3, onlyIf: 'absent' })).toMatchObject({ size: 3 })
    expect(sent.at(-1)?.headers.has('If-None-Match')).toBe(false)
  })

  it('never completes an upload without the condition that was given', async () => {
    const { backend, sent } = scripted([
      new Response('<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>'),
      new Response(null, { headers: { ETag: '"p1"' } }),
      missing(),
      missingKey(),
      notImplemented(),
    ])
    const upload = await startUpload(backend, 'a', { onlyIf: 'absent' })
    await upload.uploadPart(1, bytes, 3)
    await expect(upload.complete()).rejects.toMatchObject({ code: 'unsupported' })
    expect(sent.filter(({ method }) => method === 'POST')).toHaveLength(2)
  })
})

describe('concurrent writes', () => {
  it('yields to the write that won', async () => {
    const { backend } = scripted([errorAnswer(409, 'ConditionalRequestConflict'), there()])
    expect(await backend.put('a', bytes, { onlyIf: 'absent' })).toBeNull()
  })

  it('fails if none has won yet', async () => {
    const { backend } = scripted([errorAnswer(409, 'ConditionalRequestConflict'), missing(), missingKey()])
    await expect(backend.put('a', bytes, { onlyIf: 'absent' })).rejects.toMatchObject({
      code: 'too-many-writes',
      retryAfter: 1000,
    })
  })

  it('does not blame the server if R2 accepts one write per second and name', async () => {
    const { backend } = scripted([errorAnswer(429, 'TooManyRequests')])
    await expect(backend.put('a', bytes)).rejects.toMatchObject({ code: 'too-many-writes', retryAfter: 1000 })
  })
})

describe('sending a stalled body', () => {
  const stalled = {
    'of JavaScript': () =>
      new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(bytes) }),
    'of the runtime': () =>
      new Response(new FixedLengthStream(10).readable).body as ReadableStream<Uint8Array>,
  }

  it.each(Object.entries(stalled))('ends with a refusal that came before: a stream %s', async (_, body) => {
    const { backend } = scripted([errorAnswer(412, 'PreconditionFailed')])
    expect(await backend.put('a', body(), { size: 10, onlyIf: 'absent' })).toBeNull()
  })

  it.each(Object.entries(stalled))('ends with the connection: a stream %s', async (_, body) => {
    const { backend } = scripted([new Error('Network connection lost.')])
    await expect(backend.put('a', body(), { size: 10 })).rejects.toMatchObject({ code: 'unavailable' })
  })
})

describe('completing an upload', () => {
  const started = () => [
    new Response('<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>'),
    new Response(null, { headers: { ETag: '"p1"' } }),
  ]

  it.each([
    [
      'a failure in the body of a 200',
      new Response('<?xml version="1.0"?>\n  <Error><Code>InternalError</Code></Error>'),
    ],
    ['an empty 200', new Response('')],
    ['another document', new Response('<ok/>')],
  ])('fails on %s', async (_, answer) => {
    const { backend } = scripted([...started(), answer])
    const upload = await startUpload(backend, 'a')
    await upload.uploadPart(1, bytes, 3)
    await expect(upload.complete()).rejects.toMatchObject({ code: 'unavailable' })
  })

  it.each([
    ['a 412', errorAnswer(412, 'PreconditionFailed')],
    ['a 412 in the body of a 200', new Response('<Error><Code>PreconditionFailed</Code></Error>')],
  ])('gives way on %s, and leaves no parts', async (_, answer) => {
    const { backend, sent } = scripted([
      ...started(),
      missing(),
      missingKey(),
      answer,
      new Response(null, { status: 204 }),
    ])
    const upload = await startUpload(backend, 'a', { onlyIf: 'absent' })
    await upload.uploadPart(1, bytes, 3)
    expect(await upload.complete()).toBeNull()
    expect(sent.at(-1)).toMatchObject({ method: 'DELETE' })
  })

  it('lists the parts, and accepts a response that begins with blanks', async () => {
    const { backend, sent } = scripted([
      new Response('<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>'),
      new Response(null, { headers: { ETag: '"p1"' } }),
      new Response(
        '\n <?xml version="1.0"?><CompleteMultipartUploadResult><ETag>"done-1"</ETag></CompleteMultipartUploadResult>',
      ),
    ])
    const upload = await startUpload(backend, 'a')
    await upload.uploadPart(1, bytes, 3)
    expect(await upload.complete()).toMatchObject({ etag: '"done-1"', size: 3 })
    expect(sent[1]?.url.search).toBe('?partNumber=1&uploadId=u%2F1')
    expect(sent.at(-1)?.init.body).toContain('<PartNumber>1</PartNumber><ETag>&quot;p1&quot;</ETag>')
  })

  it.each([
    ['absent', 'absent' as const, 'If-None-Match', '*'],
    ['the version seen', { version: '"old"' }, 'If-Match', '"old"'],
  ])('demands %s of the server too', async (_, onlyIf, header, value) => {
    const head = onlyIf === 'absent' ? [missing(), missingKey()] : [there()]
    const done = new Response(
      '<CompleteMultipartUploadResult><ETag>"d"</ETag></CompleteMultipartUploadResult>',
    )
    const { backend, sent } = scripted([...started(), ...head, done])
    const upload = await startUpload(backend, 'a', { onlyIf })
    await upload.uploadPart(1, bytes, 3)
    expect(await upload.complete()).toMatchObject({ etag: '"d"' })
    expect(sent.at(-1)?.headers.get(header)).toBe(value)
  })

  it('sends the object’s attributes when the upload starts', async () => {
    const { backend, sent } = scripted(started())
    await startUpload(backend, 'a', {
      info: { contentType: 'video/mp4', etag: '"s"', metadata: { by: 'Ä' } },
    })
    expect(Object.fromEntries(sent[0]?.headers ?? [])).toMatchObject({
      'content-type': 'video/mp4',
      'x-amz-meta-by': '=?UTF-8?B?w4Q=?=',
      'x-amz-meta-fallback-storage-etag': '"s"',
    })
  })
})

describe('listing', () => {
  it('refuses a truncated page without a token, or with the previous one', async () => {
    const cut = '<IsTruncated>true</IsTruncated>'
    const { backend } = scripted([
      listAnswer(cut + entry('a')),
      listAnswer(`${cut}<NextContinuationToken>t</NextContinuationToken>${entry('a')}`),
      listAnswer(`${cut}<NextContinuationToken>t</NextContinuationToken>${entry('a')}`),
    ])
    await expect(backend.list()).rejects.toMatchObject({ code: 'unavailable' })
    expect(await backend.list()).toMatchObject({ cursor: 't' })
    await expect(backend.list({ cursor: 't' })).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('reads names in any encoding', async () => {
    const { backend, sent } = scripted([
      listAnswer(
        `${entry('a+b%2Bc%20%26amp;')}${entry('%E2%82%AC%01')}<CommonPrefixes><Prefix>d+e/</Prefix></CommonPrefixes>`,
      ),
      new Response(`<ListBucketResult>${entry('a+b &amp;amp; %20')}</ListBucketResult>`),
    ])
    const page = await backend.list({ prefix: 'a b/+', delimiter: '/', after: 'ü', limit: 7 })
    expect(page.objects.map(({ name }) => name)).toEqual(['a b+c &amp;', '€\u0001'])
    expect(page.directories).toEqual(['d e/'])
    expect(sent[0]?.url.search).toBe(
      '?list-type=2&encoding-type=url&max-keys=7&prefix=a%20b%2F%2B&delimiter=%2F&start-after=%C3%BC',
    )
    expect((await backend.list()).objects[0]).toEqual({
      name: 'a+b &amp; %20',
      backend: 'legacy',
      size: 1,
      etag: '"e"',
      modified: new Date('2024-01-02T03:04:05Z'),
    })
  })

  it('checks only empty objects for tombstones, and none if the caller does', async () => {
    const page = () => listAnswer(`${entry('empty', 0)}${entry('gone', 0)}${entry('full', 5)}`)
    const tombstone = there({ 'x-amz-meta-fallback-storage-deleted': '2026-01-01T00:00:00.000Z' })
    const { backend, sent } = scripted([page(), there(), tombstone])
    const { objects } = await backend.list()
    expect(objects.map(({ deleted }) => deleted?.toISOString())).toEqual([
      undefined,
      '2026-01-01T00:00:00.000Z',
      undefined,
    ])
    expect(sent).toHaveLength(3)
    const unchecked = scripted([page()])
    expect((await unchecked.backend.list({ unchecked: true })).objects).toHaveLength(3)
  })

  it.each([
    ['another document', new Response('<html></html>')],
    ['no XML', new Response('ok')],
    ['an entry without a key', listAnswer('<Contents><Size>1</Size></Contents>')],
    ['a key that is not UTF-8', listAnswer(entry('%FF'))],
    ['a failure', errorAnswer(503, 'SlowDown')],
    ['a missing bucket', errorAnswer(404, 'NoSuchBucket')],
  ])('fails on %s', async (_, answer) => {
    const { backend } = scripted([answer])
    await expect(backend.list()).rejects.toMatchObject({ code: 'unavailable', backend: 'legacy' })
  })
})

it.each(['put', 'uploadPart'])(
  'is to blame if it answers before it has the whole body: %s',
  async (method) => {
    const backend = s3Backend('legacy', {
      endpoint: 'https://s3.example.com',
      bucket: 'media',
      fetch: (async (_: string, init: RequestInit) => {
        await (init.body as ReadableStream).cancel()
        return stored()
      }) as typeof fetch,
    })
    const sent =
      method === 'put'
        ? backend.put('a', stream(), { size: 3 })
        : backend.resumeMultipartUpload('a', 'u/1').uploadPart(1, stream(), 3)
    await expect(sent).rejects.toMatchObject({ code: 'unavailable', backend: 'legacy' })
  },
)
