import { env } from 'cloudflare:workers'
import { reset, runInDurableObject } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { bucketWith, EMPTY_ORIGIN, fill, KV, media, mediaKv, OLD, R2 } from '../kit/app.ts'
import { bytesOf } from '../kit/fakes.ts'
import { eventually } from '../kit/eventually.ts'
import { BUCKET, sign } from '../kit/s3-client.ts'
import { codeOf, startUploads } from './uploads.ts'

const MIB = 1024 * 1024
const PART = 5 * MIB
const FULL = new Uint8Array(PART).fill(65)
const WRITABLE_KV = { ...KV, read_only: false }

beforeEach(() => reset())

/** The chains that store uploads in R2. */
const CHAINS = {
  'R2 alone': { FALLBACK_STORAGES: [R2] },
  'R2 and a fallback': { FALLBACK_STORAGES: [R2, KV] },
  'KV and R2': { FALLBACK_STORAGES: [WRITABLE_KV, R2] },
}

describe.each(Object.entries(CHAINS))('multipart uploads over %s', (_, settings) => {
  it('store the parts with the metadata of the start', async () => {
    const { create, part, complete } = startUploads(settings)
    const headers = { 'content-type': 'video/mp4', 'x-amz-meta-by': 'someone', 'cache-control': 'max-age=7' }
    const uploadId = await create('video.mp4', headers)
    const second = await part('video.mp4', uploadId, 2, bytesOf('the end'))
    const first = await part('video.mp4', uploadId, 1, FULL)
    expect(first).toMatch(/^"[^"]+-1-5242880"$/)
    expect(await media.head('video.mp4')).toBeNull()
    const answer = await complete('video.mp4', uploadId, [first, second])
    expect(answer.status).toBe(200)
    expect(await answer.text()).toMatch(/<ETag>&quot;[^&]+&quot;<\/ETag>/)
    const stored = await media.get('video.mp4', { range: { offset: PART - 2 } })
    expect(stored).toMatchObject({
      size: PART + 7,
      contentType: 'video/mp4',
      cacheControl: 'max-age=7',
      metadata: { by: 'someone' },
    })
    expect(await new Response(stored?.body).text()).toBe('AAthe end')
    expect(await codeOf(part('video.mp4', uploadId, 1, bytesOf('late')))).toBe('NoSuchUpload')
  })

  it('replace what an earlier backend has, and tombstones', async () => {
    const { chain, create, part, complete } = startUploads(settings)
    const text = async () => new Response((await chain.get('a'))?.body).text()
    await chain.backends[0]?.put?.('a', bytesOf('old'))
    for (const body of ['one', 'two']) {
      const uploadId = await create('a')
      expect((await complete('a', uploadId, [await part('a', uploadId, 1, bytesOf(body))])).status).toBe(200)
      expect(await text()).toBe(body)
      await chain.delete('a')
      expect(await chain.head('a')).toBeNull()
    }
  })
})

describe('an upload that no backend stores', () => {
  it('is answered with NotImplemented, and what to do', async () => {
    const { start } = startUploads({ FALLBACK_STORAGES: [WRITABLE_KV] })
    const answer = await start('a')
    expect(answer.status).toBe(501)
    expect(await answer.text()).toContain('multipart_threshold')
  })

  it('is not supported if nothing is writable', async () => {
    const { start } = startUploads({ FALLBACK_STORAGES: [KV] })
    expect(await codeOf(start('a'))).toBe('NotImplemented')
  })
})

describe('upload ids', () => {
  it('are valid for their name only, and for these keys and backends', async () => {
    const { create, sendPart, complete, abort } = startUploads()
    const uploadId = await create('a')
    const other = startUploads({
      S3_KEYS: JSON.stringify([
        { access_key_id: 'writer', secret_access_key: 'writer-secret-0123456789', scopes: ['write'] },
      ]),
    })
    const renamed = startUploads({ FALLBACK_STORAGES: [{ ...R2, name: 'renamed' }] })
    const body = bytesOf('x')
    const changed = `${uploadId[0] === 'A' ? 'B' : 'A'}${uploadId.slice(1)}`
    for (const answer of [
      sendPart('b', uploadId, 1, { body }),
      complete('b', uploadId, ['"x-1-1"']),
      abort('b', uploadId),
      other.sendPart('a', uploadId, 1, { body }),
      renamed.sendPart('a', uploadId, 1, { body }),
      sendPart('a', changed, 1, { body }),
      sendPart('a', uploadId.slice(0, -4), 1, { body }),
      sendPart('a', '56788', 1, { body }),
      sendPart('a', '', 1, { body }),
    ])
      expect(await codeOf(answer)).toBe('NoSuchUpload')
    expect((await sendPart('a', uploadId, 1, { body })).status).toBe(200)
  })
})

it.each([
  ['a mirror by now, where the next change of the primary would undo it', true],
  ['behind another backend by now, and may have been found safe to detach', false],
])('does not continue an upload in what is %s', async (_, mirror) => {
  const { create, part } = startUploads({ FALLBACK_STORAGES: [R2] })
  const uploadId = await create('a')
  const etag = await part('a', uploadId, 1, bytesOf('x'))
  const later = startUploads({
    FALLBACK_STORAGES: [
      { ...R2, name: 'next', prefix: 'next/' },
      { ...R2, mirror },
    ],
  })
  expect(await codeOf(later.sendPart('a', uploadId, 2, { body: bytesOf('y') }))).toBe('NoSuchUpload')
  expect(await codeOf(later.complete('a', uploadId, [etag]))).toBe('NoSuchUpload')
})

it('continues an upload in an isolate that knows nothing of it', async () => {
  const uploadId = await startUploads().create('a')
  const etag = await startUploads().part('a', uploadId, 1, bytesOf('x'))
  expect((await startUploads().complete('a', uploadId, [etag])).status).toBe(200)
})

describe('UploadPart', () => {
  it.each(['0', '10001', '-1', '1.5', 'x', ''])('refuses the number "%s"', async (number) => {
    const { create, sendPart } = startUploads()
    const uploadId = await create('a')
    expect(await codeOf(sendPart('a', uploadId, number, { body: bytesOf('x') }))).toBe('InvalidArgument')
  })

  it('stores nothing if a digest differs, and keeps the part that was there', async () => {
    const { create, part, sendPart, complete } = startUploads()
    const uploadId = await create('a')
    const good = await part('a', uploadId, 1, bytesOf('good'))
    const bad = await sendPart('a', uploadId, 1, {
      body: bytesOf('evil'),
      headers: { 'content-md5': 'rL0Y20zC+Fzt72VPzMSk2A==' },
    })
    expect(await codeOf(bad)).toBe('BadDigest')
    expect((await complete('a', uploadId, [good])).status).toBe(200)
    expect(await new Response((await media.get('a'))?.body).text()).toBe('good')
  })

  it('stores nothing of a part that breaks off, which can be sent again', async () => {
    const { app, on, create, part, complete } = startUploads()
    const uploadId = await create('a')
    const headers = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }
    const { url, headers: signed } = await sign('PUT', on('a'), {
      headers,
      query: { partNumber: '1', uploadId },
    })
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(bytesOf('half'))
        controller.error(new Error('the client is gone'))
      },
    })
    const broken = await app.request(url, {
      method: 'PUT',
      headers: { ...signed, 'content-length': '8' },
      body,
    })
    expect(await codeOf(broken)).toBe('IncompleteBody')
    expect(await codeOf(complete('a', uploadId, ['"unknown-1-8"']))).toBe('InvalidPart')
    expect((await complete('a', uploadId, [await part('a', uploadId, 1, bytesOf('complete'))])).status).toBe(
      200,
    )
  })

  it('refuses parts that are larger than MEDIA_MAX_UPLOAD_BYTES by their announced length', async () => {
    const { create, sendPart } = startUploads({ MEDIA_MAX_UPLOAD_BYTES: '10' })
    const uploadId = await create('a')
    const answer = sendPart('a', uploadId, 1, { body: bytesOf('eleven byte') })
    expect(await codeOf(answer)).toBe('EntityTooLarge')
  })
})

describe('CompleteMultipartUpload', () => {
  it('refuses a list that cannot be right, and can be repeated with a right one', async () => {
    const { create, part, complete, s3, on } = startUploads()
    const uploadId = await create('a')
    const first = await part('a', uploadId, 1, FULL)
    const small = await part('a', uploadId, 2, bytesOf('small'))
    const third = await part('a', uploadId, 3, FULL.subarray(0, 7))
    const larger = await part('a', uploadId, 4, new Uint8Array(PART + 1))
    const cases: [string, Parameters<typeof complete>[2]][] = [
      ['MalformedXML', []],
      ['InvalidPart', [first, first.replace('-', '')]],
      ['InvalidPart', ['d41d8cd98f00b204e9800998ecf8427e']],
      ['InvalidPart', ['"unknown-1-5"']],
      [
        'InvalidPart',
        [
          [1, first],
          [1, first],
        ],
      ],
      [
        'InvalidPartOrder',
        [
          [2, small],
          [1, first],
        ],
      ],
      ['InvalidArgument', [[0, first]]],
      ['InvalidArgument', [[10001, first]]],
      [
        'EntityTooSmall',
        [
          [2, small],
          [3, third],
        ],
      ],
      [
        'InvalidPart',
        [
          [1, first],
          [2, first],
        ],
      ],
      // Only R2 needs equal parts.
      [
        'InvalidPart',
        [
          [1, first],
          [4, larger],
        ],
      ],
      [
        'InvalidPart',
        [
          [1, first],
          [4, larger],
          [5, small],
        ],
      ],
    ]
    for (const [code, parts] of cases) expect(await codeOf(complete('a', uploadId, parts))).toBe(code)
    for (const body of ['', 'x', '<Other><Part/></Other>', '<CompleteMultipartUpload><Part/>']) {
      const answer = s3('POST', on('a'), { query: { uploadId }, body })
      expect(await codeOf(answer)).toBe('MalformedXML')
    }
    expect(
      (
        await complete('a', uploadId, [
          [1, first],
          [3, third],
        ])
      ).status,
    ).toBe(200)
    expect(await media.head('a')).toMatchObject({ size: PART + 7 })
  })

  it('says how to set parts of one size', async () => {
    const { create, part, complete } = startUploads()
    const uploadId = await create('a')
    const parts = [await part('a', uploadId, 1, FULL), await part('a', uploadId, 2, new Uint8Array(PART + 1))]
    expect(await (await complete('a', uploadId, parts)).text()).toContain('part size')
  })

  it('accepts ETags without quotes', async () => {
    const { create, part, complete } = startUploads()
    const uploadId = await create('a')
    const etag = await part('a', uploadId, 1, bytesOf('x'))
    expect((await complete('a', uploadId, [etag.slice(1, -1)])).status).toBe(200)
  })

  it('reads a list of 10,000 parts, each with a tag as long as those of R2 and a checksum', async () => {
    const { s3, on, create, part } = startUploads()
    const uploadId = await create('a')
    const tag = /^"([^"]+)-1-1"$/.exec(await part('a', uploadId, 1, bytesOf('x')))?.[1] ?? ''
    const parts = Array.from({ length: 10_000 }, (_, index) => {
      const etag = `&quot;${tag}-${index + 1}-8388608&quot;`
      const checksum = `<ChecksumSHA512>${'A'.repeat(86)}==</ChecksumSHA512>`
      return `<Part><ETag>${etag}</ETag>${checksum}<PartNumber>${index + 1}</PartNumber></Part>\n`
    })
    const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`
    // R2 has one of them, so the list was read.
    expect(await codeOf(s3('POST', on('a'), { query: { uploadId }, body }))).toBe('InvalidPart')
  })

  it.each(['crc32', 'sha512', 'md5', 'xxhash64'])(
    'passes over an x-amz-checksum-%s, which is about the object',
    async (algorithm) => {
      const { create, part, complete } = startUploads()
      const uploadId = await create('a')
      const headers = { [`x-amz-checksum-${algorithm}`]: 'AAAAAA==', 'x-amz-checksum-type': 'FULL_OBJECT' }
      const etag = await part('a', uploadId, 1, bytesOf('x'))
      expect((await complete('a', uploadId, [etag], { headers })).status).toBe(200)
    },
  )

  it('refuses a sum over MEDIA_MAX_UPLOAD_BYTES', async () => {
    const { create, part, complete } = startUploads({ MEDIA_MAX_UPLOAD_BYTES: `${PART + 5}` })
    const uploadId = await create('a')
    const parts = [await part('a', uploadId, 1, FULL), await part('a', uploadId, 2, bytesOf('123456'))]
    expect(await codeOf(complete('a', uploadId, parts))).toBe('EntityTooLarge')
  })

  it('refuses parts that do not have the size that the client expects', async () => {
    const { create, part, complete } = startUploads()
    const uploadId = await create('a')
    const parts = [await part('a', uploadId, 1, FULL), await part('a', uploadId, 2, bytesOf('small'))]
    const expecting = (size: number) =>
      complete('a', uploadId, parts, { headers: { 'x-amz-mp-object-size': `${size}` } })
    expect(await codeOf(expecting(PART + 6))).toBe('InvalidRequest')
    expect(await media.head('a')).toBeNull()
    expect((await expecting(PART + 5)).status).toBe(200)
  })

  it('only joins the parts if the conditions hold for what the chain has', async () => {
    const { chain, create, part, complete } = startUploads()
    const begun = async (body: string) => {
      const uploadId = await create('a')
      return { uploadId, etag: await part('a', uploadId, 1, bytesOf(body)) }
    }
    // Only the fallback has it.
    await fill(mediaKv, { a: 'old' })
    const { uploadId, etag } = await begun('new')
    const when = (headers: Record<string, string>) => complete('a', uploadId, [etag], { headers })
    expect(await codeOf(when({ 'if-none-match': '*' }))).toBe('PreconditionFailed')
    expect(await codeOf(when({ 'if-match': '"other"' }))).toBe('PreconditionFailed')
    expect(await media.head('a')).toBeNull()
    expect((await when({ 'if-match': '*' })).status).toBe(200)
    await chain.delete('a')
    const again = await begun('again')
    const headers = { 'if-none-match': '*' }
    expect((await complete('a', again.uploadId, [again.etag], { headers })).status).toBe(200)
  })

  it('answers again if the answer was lost, and not for another upload', async () => {
    const { create, part, complete } = startUploads()
    const [one, two] = [await create('a'), await create('a')]
    const etag = await part('a', one, 1, bytesOf('one'))
    const headers = { 'if-none-match': '*' }
    const first = await (await complete('a', one, [etag], { headers })).text()
    const second = await complete('a', one, [etag], { headers })
    expect([second.status, await second.text()]).toEqual([200, first])
    await complete('a', two, [await part('a', two, 1, bytesOf('two'))])
    expect(await codeOf(complete('a', one, [etag]))).toBe('NoSuchUpload')
    expect(await new Response((await media.get('a'))?.body).text()).toBe('two')
  })

  it('is repeated to its end: what hides the object is removed, unless it is newer', async () => {
    let isDown = true
    const MEDIA_KV = new Proxy(env.MEDIA_KV, {
      get(namespace, key) {
        const value: unknown = Reflect.get(namespace, key)
        if (key === 'put' && isDown) return () => Promise.reject(new Error('KV PUT failed: 500 Down'))
        return typeof value === 'function' ? value.bind(namespace) : value
      },
    })
    const settings = { FALLBACK_STORAGES: [WRITABLE_KV, R2], MEDIA_KV }
    const { chain, create, part, complete } = startUploads(settings)
    const text = async () => new Response((await chain.get('a'))?.body).text()
    await mediaKv.put?.('a', bytesOf('old'))
    const uploadId = await create('a')
    const etag = await part('a', uploadId, 1, bytesOf('new'))
    expect((await complete('a', uploadId, [etag])).status).toBe(503)
    expect(await text()).toBe('old')
    isDown = false
    expect((await complete('a', uploadId, [etag])).status).toBe(200)
    expect(await text()).toBe('new')
    await mediaKv.put?.('a', bytesOf('newer'))
    expect((await complete('a', uploadId, [etag])).status).toBe(200)
    expect(await text()).toBe('newer')
  })

  it('lets one of two uploads win that may only create the object', async () => {
    const { create, part, complete } = startUploads()
    const headers = { 'if-none-match': '*' }
    const run = async (body: string) => {
      const uploadId = await create('a')
      const etag = await part('a', uploadId, 1, bytesOf(body))
      return () => complete('a', uploadId, [etag], { headers })
    }
    const [one, two] = [await run('one'), await run('two')]
    expect([(await two()).status, (await one()).status]).toEqual([200, 412])
    expect(await new Response((await media.get('a'))?.body).text()).toBe('two')
  })

  it('gives both of two that race the same answer', async () => {
    const both = Promise.withResolvers<void>()
    let waiting = 0
    const racing = bucketWith({
      resumeMultipartUpload(...args) {
        const upload = env.MEDIA.resumeMultipartUpload(...args)
        return {
          key: upload.key,
          uploadId: upload.uploadId,
          uploadPart: (...parts) => upload.uploadPart(...parts),
          abort: () => upload.abort(),
          async complete(parts) {
            if (++waiting === 2) both.resolve()
            await both.promise
            return upload.complete(parts)
          },
        }
      },
    })
    const { create, part, complete } = startUploads({ MEDIA: racing })
    const uploadId = await create('a')
    const etag = await part('a', uploadId, 1, bytesOf('x'))
    const answers = await Promise.all([complete('a', uploadId, [etag]), complete('a', uploadId, [etag])])
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    const [one, two] = await Promise.all(answers.map((answer) => answer.text()))
    expect(one).toBe(two)
  })
})

describe('AbortMultipartUpload', () => {
  it('leaves nothing, and can be repeated', async () => {
    const { create, part, complete, abort } = startUploads()
    const uploadId = await create('a')
    const etag = await part('a', uploadId, 1, bytesOf('x'))
    expect((await abort('a', uploadId)).status).toBe(204)
    expect((await abort('a', uploadId)).status).toBe(204)
    expect(await codeOf(complete('a', uploadId, [etag]))).toBe('NoSuchUpload')
    expect(await media.head('a')).toBeNull()
    expect(await codeOf(abort('a', 'unknown'))).toBe('NoSuchUpload')
  })
})

it('lists no uploads, so that no client tries to resume one', async () => {
  const { s3, create } = startUploads()
  const uploadId = await create('a')
  const answer = await s3('GET', `/${BUCKET}`, { query: { uploads: '' } })
  expect(answer.status).toBe(200)
  const text = await answer.text()
  expect(text).toContain('<IsTruncated>false</IsTruncated>')
  expect(text).not.toContain('<Upload>')
  expect(await codeOf(s3('GET', `/${BUCKET}/a`, { query: { uploadId } }))).toBe('NotImplemented')
})

it('purges the edge cache, as copies do', async () => {
  const { call, s3, on, create, part, complete } = startUploads({ MEDIA_EDGE_CACHE_SECONDS: '60' })
  const read = async () => {
    const answer = await call('/purged', { token: null })
    return { text: await answer.text(), status: answer.headers.get('Cache-Status') ?? '' }
  }
  const untilCached = () =>
    eventually(
      () => 'a hit of the edge cache',
      async () => ((await read()).status.includes('fallback-storage-edge; hit') ? true : null),
    )
  await fill(media, { purged: 'old', from: 'copied' })
  await untilCached()
  const uploadId = await create('purged')
  await complete('purged', uploadId, [await part('purged', uploadId, 1, bytesOf('new'))])
  expect((await read()).text).toBe('new')
  await untilCached()
  await s3('PUT', on('purged'), { headers: { 'x-amz-copy-source': `${BUCKET}/from` } })
  expect((await read()).text).toBe('copied')
})

it('remembers an upload until it ends, so that an abandoned one is aborted', async () => {
  const { create, part, complete } = startUploads()
  const remembered = () =>
    runInDurableObject(env.JOB_INDEX.getByName('index'), (_, { storage }) =>
      storage.sql.exec("SELECT name FROM uploads WHERE name LIKE 'kept/%'").toArray(),
    )
  const age = (ms: number) =>
    runInDurableObject(env.JOB_INDEX.getByName('index'), (_, { storage }) => {
      storage.sql.exec("UPDATE uploads SET at = at - ? WHERE name LIKE 'kept/%'", ms)
    })
  const run = async (name: string) => {
    const uploadId = await create(name)
    const etag = await part(name, uploadId, 1, bytesOf('x'))
    return () => complete(name, uploadId, [etag])
  }
  const DAY_MS = 24 * 60 * 60_000
  const abandoned = await run('kept/abandoned')
  expect(await remembered()).toEqual([{ name: 'kept/abandoned' }])
  await age(7 * DAY_MS)
  await (
    await run('kept/other')
  )()
  expect(await remembered()).toEqual([{ name: 'kept/abandoned' }])
  await age(DAY_MS + 1000)
  await (
    await run('kept/other')
  )()
  expect(await remembered()).toEqual([])
  expect(await codeOf(abandoned())).toBe('NoSuchUpload')
})

it('streams parts that are sent at the same time', async () => {
  const { isolateMemory } = await import('../../src/bodies/memory-budget.ts')
  const { create, part, complete } = startUploads({ OLD: EMPTY_ORIGIN, FALLBACK_STORAGES: [R2, OLD] })
  const full = isolateMemory.tryReserve(isolateMemory.total - MIB)
  expect(full).not.toBeNull()
  try {
    const uploadId = await create('a')
    const etags = await Promise.all(
      Array.from({ length: 6 }, (_, index) => part('a', uploadId, index + 1, FULL)),
    )
    expect((await complete('a', uploadId, etags)).status).toBe(200)
  } finally {
    full?.release()
  }
  expect(await media.head('a')).toMatchObject({ size: 6 * PART })
})
