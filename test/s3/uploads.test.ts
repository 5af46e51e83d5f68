import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { S3Backend } from '../../src/backends/s3/s3.ts'
import { BUCKET, startS3 } from '../kit/s3-client.ts'
import { bytesOf } from '../kit/fakes.ts'
import { codeOf, startUploads } from '../s3-api/uploads.ts'
import { isolateMemory } from '../../src/bodies/memory-budget.ts'
import { connectEmpty } from './server.ts'

const MIB = 1024 * 1024
const PART = 5 * MIB

let backend: S3Backend
beforeAll(async () => {
  backend = await connectEmpty('uploads')
})

/** The Worker with the server as its primary. */
function overServer() {
  const { endpoint, region, credentials } = inject('s3')
  return {
    FALLBACK_STORAGES: [
      {
        type: 's3',
        name: 'server',
        endpoint,
        region,
        bucket: 'uploads',
        credentials: 'SERVER',
        read_only: false,
      },
      { type: 'kv', binding: 'MEDIA_KV', read_only: true },
    ],
    SERVER_ACCESS_KEY_ID: credentials.accessKeyId,
    SERVER_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  }
}

describe('uploads of S3 clients into another S3 server', () => {
  it('store parts of any sizes, in any order', async () => {
    const { create, part, complete } = startUploads(overServer())
    const uploadId = await create('video.mp4', { 'content-type': 'video/mp4', 'x-amz-meta-by': 'someone' })
    const third = await part('video.mp4', uploadId, 3, bytesOf('the end'))
    const first = await part('video.mp4', uploadId, 1, new Uint8Array(PART))
    const second = await part('video.mp4', uploadId, 2, new Uint8Array(PART))
    expect((await complete('video.mp4', uploadId, [first, second, third])).status).toBe(200)
    expect(await backend.head('video.mp4')).toMatchObject({
      size: 2 * PART + 7,
      contentType: 'video/mp4',
      metadata: { by: 'someone' },
    })
    expect((await complete('video.mp4', uploadId, [first, second, third])).status).toBe(200)
  })

  it('store no part whose digest differs', async () => {
    const { create, part, sendPart, complete, abort } = startUploads(overServer())
    const uploadId = await create('digest')
    const good = await part('digest', uploadId, 1, bytesOf('good'))
    const headers = { 'content-md5': 'rL0Y20zC+Fzt72VPzMSk2A==' }
    expect(await codeOf(sendPart('digest', uploadId, 1, { body: bytesOf('evil'), headers }))).toBe(
      'BadDigest',
    )
    expect((await complete('digest', uploadId, [good])).status).toBe(200)
    const aborted = await create('aborted')
    expect((await abort('aborted', aborted)).status).toBe(204)
    expect(await codeOf(sendPart('aborted', aborted, 1, { body: bytesOf('x') }))).toBe('NoSuchUpload')
  })

  it('only replace what their conditions allow', async () => {
    const { create, part, complete } = startUploads(overServer())
    await backend.put('taken', bytesOf('old'))
    const uploadId = await create('taken')
    const etag = await part('taken', uploadId, 1, bytesOf('new'))
    const when = (headers: Record<string, string>) => complete('taken', uploadId, [etag], { headers })
    expect((await when({ 'if-none-match': '*' })).status).toBe(412)
    expect((await when({ 'if-match': '"other"' })).status).toBe(412)
    expect((await when({ 'if-match': (await backend.head('taken'))?.etag ?? '' })).status).toBe(200)
    expect(await backend.head('taken')).toMatchObject({ size: 3 })
  })

  it('take no memory, however many parts are sent at the same time', async () => {
    const { create, part, complete } = startUploads(overServer())
    const full = isolateMemory.tryReserve(isolateMemory.total - MIB)
    const uploadId = await create('parallel')
    const etags = await Promise.all(
      Array.from({ length: 4 }, (_, index) => part('parallel', uploadId, index + 1, new Uint8Array(8 * MIB))),
    )
    full?.release()
    expect((await complete('parallel', uploadId, etags)).status).toBe(200)
    expect(await backend.head('parallel')).toMatchObject({ size: 32 * MIB })
  })

  it('copies an object to itself with other metadata', async () => {
    const { s3 } = startS3(overServer())
    await backend.put('self', bytesOf('bytes'), { info: { contentType: 'text/css' } })
    const headers = {
      'x-amz-copy-source': `/${BUCKET}/self`,
      'x-amz-metadata-directive': 'REPLACE',
      'content-type': 'text/plain',
      'x-amz-meta-mtime': '17',
    }
    expect((await s3('PUT', `/${BUCKET}/self`, { headers })).status).toBe(200)
    expect(await backend.head('self')).toMatchObject({
      size: 5,
      contentType: 'text/plain',
      metadata: { mtime: '17' },
    })
  })
})
