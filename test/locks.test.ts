import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { DeadLetter } from '../src/migration/copy-consumer.ts'
import { consumeNames } from '../src/migration/copy-consumer.ts'
import { copyName } from '../src/migration/copy-name.ts'
import { bucketWith, KV, MODIFIED, R2, startApp } from './kit/app.ts'
import { errorAnswer } from './kit/s3-script.ts'

afterEach(async () => {
  vi.restoreAllMocks()
  await reset()
})

const LOCKED = 'The object is locked by the bucket policy. (10069)'

/** The bucket with a lock rule for `kept/`: what is there is neither replaced nor deleted, and the rule comes before conditions. */
function lockedBucket() {
  const refused: string[] = []
  const isLocked = async (key: string): Promise<boolean> =>
    key.startsWith('kept/') && (await env.MEDIA.head(key)) !== null
  const refuse = async (operation: string, key: string): Promise<void> => {
    if (!(await isLocked(key))) return
    refused.push(`${operation} ${key}`)
    throw new Error(`${operation}: ${LOCKED}`)
  }
  const bucket = bucketWith({
    async put(key: string, value: ReadableStream, options?: R2PutOptions) {
      await refuse('put', key)
      return env.MEDIA.put(key, value, options) as never
    },
    async delete(keys: string | string[]) {
      for (const key of [keys].flat()) await refuse('delete', key)
      return env.MEDIA.delete(keys)
    },
    resumeMultipartUpload(key: string, id: string) {
      const upload = env.MEDIA.resumeMultipartUpload(key, id)
      const complete = async (parts: R2UploadedPart[]): Promise<R2Object> => {
        await refuse('completeMultipartUpload', key)
        return upload.complete(parts)
      }
      return {
        key,
        uploadId: upload.uploadId,
        uploadPart: (...part) => upload.uploadPart(...part),
        abort: () => upload.abort(),
        complete,
      }
    },
  })
  return { bucket, refused }
}

const WRITABLE_KV = { ...KV, read_only: false }

function start(settings: Record<string, unknown> = {}) {
  const { bucket, refused } = lockedBucket()
  const app = startApp({ MEDIA: bucket, ...settings })
  for (const level of ['info', 'warn', 'error'] as const) vi.spyOn(console, level).mockReturnValue()
  const state = () => app.deployment.health.get('media')?.().state
  return { ...app, refused, state }
}

const stored = async (key: string) => (await env.MEDIA.get(key))?.text()
const PROBLEM = {
  type: '/-/docs/errors#locked',
  status: 409,
  title: 'A lock of the bucket forbids it',
  backends: [{ name: 'media', error: 'locked', detail: expect.stringContaining('bucket lock') }],
}

describe('an object that a bucket lock protects', () => {
  it.each([
    ['PUT', '/kept/a.txt', { method: 'PUT', body: 'new' }],
    ['PUT with If-Match: *', '/kept/a.txt', { method: 'PUT', body: 'new', headers: { 'If-Match': '*' } }],
    ['DELETE', '/kept/a.txt', { method: 'DELETE' }],
    ['DELETE with If-Match: *', '/kept/a.txt', { method: 'DELETE', headers: { 'If-Match': '*' } }],
    ['the delete of the API', '/-/api/delete/kept/a.txt', { method: 'DELETE' }],
  ])('is neither replaced nor deleted by %s: 409, and the backend is healthy', async (_, path, init) => {
    await env.MEDIA.put('kept/a.txt', 'old')
    await env.MEDIA_KV.put('kept/a.txt', 'in the fallback')
    const { call, json, state } = start({ FALLBACK_STORAGES: [R2, WRITABLE_KV] })
    for (let time = 0; time < 12; time++) {
      const { status, body } = await json(path, init)
      expect(status).toBe(409)
      expect(body).toMatchObject(PROBLEM)
    }
    expect(state()).toBe('closed')
    expect(await (await call('/kept/a.txt')).text()).toBe('old')
    expect(await env.MEDIA_KV.get('kept/a.txt')).toBe('in the fallback')
  })

  it('is not deleted from another backend instead, where deletes are plain', async () => {
    await env.MEDIA.put('kept/a.txt', 'old')
    await env.MEDIA_KV.put('kept/a.txt', 'in the fallback')
    const { json } = start({ FALLBACK_STORAGES: [R2, WRITABLE_KV], FALLBACK_DELETES: 'first' })
    const { status, body } = await json('/-/api/delete/kept/a.txt', { method: 'DELETE' })
    expect([status, body]).toEqual([409, expect.objectContaining(PROBLEM)])
    expect(await env.MEDIA_KV.get('kept/a.txt')).toBe('in the fallback')
  })

  it.each([
    ['completeMultipartUpload', {}],
    ['put', { 'If-Match': '*' }],
  ])('is not replaced by an upload in parts either, by %s', async (operation, headers) => {
    await env.MEDIA.put('kept/a.bin', 'old')
    const { json, refused } = start({ FALLBACK_STORAGES: [R2] })
    const chunk = new Uint8Array(1024 * 1024)
    const blob = new Blob(Array.from({ length: 9 }, () => chunk))
    const body = blob.stream().pipeThrough(new TransformStream())
    const { status, body: problem } = await json('/kept/a.bin', { method: 'PUT', body, headers })
    expect([status, problem]).toEqual([409, expect.objectContaining(PROBLEM)])
    expect(refused).toEqual([`${operation} kept/a.bin`])
    expect(await stored('kept/a.bin')).toBe('old')
    expect((await env.MEDIA.list()).objects.map(({ key }) => key)).toEqual(['kept/a.bin'])
  })

  it('is 412, not 409, where the condition does not hold', async () => {
    await env.MEDIA.put('kept/a.txt', 'old')
    const { call } = start()
    const headers = { 'If-None-Match': '*' }
    expect((await call('/kept/a.txt', { method: 'PUT', body: 'new', headers })).status).toBe(412)
  })

  it('leaves its name to a save, which takes the next free one', async () => {
    await env.MEDIA.put('kept/a.txt', 'old')
    const { json } = start({ FALLBACK_STORAGES: [R2, WRITABLE_KV] })
    const { status, body } = await json('/-/api/save/kept/a.txt', { method: 'POST', body: 'new' })
    expect(status).toBe(201)
    expect(body['name']).toMatch(/^kept\/a_\w{7}\.txt$/)
    expect(await stored(String(body['name']))).toBe('new')
  })

  it('shows in the recent errors of its backend', async () => {
    await env.MEDIA.put('kept/a.txt', 'old')
    const { call, get } = start()
    await call('/kept/a.txt', { method: 'DELETE' })
    const { backends } = (await get('backends')) as { backends: unknown[] }
    expect(backends[0]).toMatchObject({
      health: { state: 'closed', failures: 0, recent_errors: [{ error: 'locked' }] },
    })
  })
})

describe('a tombstone that a bucket lock protects', () => {
  it('cannot be lifted, and a purge keeps it', async () => {
    await env.MEDIA_KV.put('kept/a.txt', 'in the fallback')
    const { call, json, post } = start()
    expect((await call('/kept/a.txt', { method: 'DELETE' })).status).toBe(204)
    const { status, body } = await json('/-/api/undelete/kept/a.txt', { method: 'POST' })
    expect([status, body]).toEqual([409, expect.objectContaining(PROBLEM)])
    expect((await call('/kept/a.txt')).status).toBe(404)
    await env.MEDIA_KV.delete('kept/a.txt')
    expect((await post('tombstones/purge')).body).toMatchObject({ purged: 0, kept: 1 })
  })
})

describe('a copy into a bucket with a lock', () => {
  /** A lifted tombstone is what a copy replaces. */
  const withMarker = async (name: string) => {
    const lifted = { 'fallback-storage-deleted': MODIFIED, 'fallback-storage-lifted': '1' }
    await env.MEDIA.put(name, 'a marker', { customMetadata: lifted })
    await env.MEDIA_KV.put(name, 'old')
  }

  it('is fine where there is nothing yet, and where the object is there already', async () => {
    await env.MEDIA_KV.put('kept/a.txt', 'old')
    const { chain, refused } = start()
    expect(await copyName(chain, 'kept/a.txt')).toMatchObject({ outcome: 'copied' })
    const primary = chain.backends[0]
    const again = primary?.put?.('kept/a.txt', new Uint8Array(1), { onlyIf: 'absent' })
    expect(await again).toBeNull()
    expect(refused).toEqual(['put kept/a.txt'])
  })

  it('does not fail the read that began it, and its reason is explained', async () => {
    await withMarker('kept/a.txt')
    const { call, get } = start({ FALLBACK_DATA_MIGRATION: true, COPY_QUEUE: undefined })
    const response = await call('/kept/a.txt')
    expect([response.status, await response.text()]).toEqual([200, 'old'])
    await expect
      .poll(() => get('explain/kept/a.txt'))
      .toMatchObject({
        migration: {
          last_copy: { outcome: 'failed', reason: expect.stringContaining('locked: a bucket lock') },
        },
      })
    expect(await stored('kept/a.txt')).toBe('a marker')
  })

  it('fails at once with that reason, without another attempt of the queue', async () => {
    await withMarker('kept/a.txt')
    const { chain } = start()
    const letters: DeadLetter[] = []
    const seen: string[] = []
    const message = {
      body: { type: 'copy', name: 'kept/a.txt' },
      attempts: 1,
      ack: () => void seen.push('ack'),
      retry: () => void seen.push('retry'),
    } as unknown as Message<{ type: 'copy'; name: string }>
    const handle = ({ name }: { name: string }) => copyName(chain, name)
    await consumeNames([message], { handle, giveUp: async (letter) => letters.push(letter) })
    await consumeNames([message], { handle })
    expect(seen).toEqual(['ack', 'ack'])
    expect(letters).toEqual([expect.objectContaining({ name: 'kept/a.txt', error: 'locked', attempts: 1 })])
  })
})

describe('an S3 server that refuses because of a lock', () => {
  const S3 = { type: 's3', endpoint: 'https://s3.example.com', bucket: 'b', name: 'media', read_only: false }

  it.each([
    ['R2', () => errorAnswer(409, 'ObjectLockedByBucketPolicy')],
    ['AWS', () => lockAnswer(403, 'AccessDenied', 'Access Denied because object protected by object lock.')],
  ])('%s: PUT and DELETE are 409', async (_, refuse) => {
    const head = new Response(null, { headers: { ETag: '"old"', 'Content-Length': '3' } })
    vi.spyOn(globalThis, 'fetch').mockImplementation(async (_url, init) =>
      init?.method === 'HEAD' ? head.clone() : refuse(),
    )
    const { json, state } = start({ FALLBACK_STORAGES: [S3] })
    for (let time = 0; time < 12; time++) {
      for (const init of [{ method: 'PUT', body: 'new' }, { method: 'DELETE' }]) {
        const { status, body } = await json('/a.txt', init)
        expect(status).toBe(409)
        expect(body['backends']).toMatchObject([{ name: 'media', error: 'locked' }])
        expect(JSON.stringify(body)).not.toContain('Access Denied because')
      }
    }
    expect(state()).toBe('closed')
  })
})

function lockAnswer(status: number, code: string, message: string): Response {
  return new Response(`<Error><Code>${code}</Code><Message>${message}</Message></Error>`, { status })
}
