import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { copyName } from '../../src/migration/copy-name.ts'
import { answering, bucketWith, OLD, R2, startApp } from '../kit/app.ts'

const LARGE = 9 * 1024 * 1024

/** The bucket, with every completion of a multipart upload waiting for `meanwhile` first. */
function pausing(meanwhile: () => Promise<unknown>): R2Bucket {
  return bucketWith({
    resumeMultipartUpload(...args) {
      const upload = env.MEDIA.resumeMultipartUpload(...args)
      return {
        key: upload.key,
        uploadId: upload.uploadId,
        uploadPart: (...part) => upload.uploadPart(...part),
        abort: () => upload.abort(),
        async complete(parts) {
          await meanwhile()
          return upload.complete(parts)
        },
      }
    },
  })
}

/** The Worker over that bucket, and an origin that has every name and sends no length. */
function start(bucket: R2Bucket = env.MEDIA) {
  const origin = answering(
    ({ method }) =>
      new Response(method === 'HEAD' ? null : chunked('source'), {
        headers: { 'Content-Type': 'text/plain' },
      }),
  )
  const { call, chain } = startApp({
    MEDIA: bucket,
    OLD: origin,
    FALLBACK_STORAGES: [R2, OLD],
    FALLBACK_DATA_MIGRATION: true,
  })
  const request = async (path: string, init?: RequestInit) => {
    const response = await call(path, init)
    return { status: response.status, body: await response.text() }
  }
  return { request, copy: (name: string) => copyName(chain, name) }
}

/** More than 8 MiB of unknown length, which begin with `text`. */
function chunked(text: string): ReadableStream<Uint8Array> {
  let left = LARGE
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (left === 0) return controller.close()
      const chunk = new Uint8Array(Math.min(left, 1024 * 1024))
      if (left === LARGE) chunk.set(new TextEncoder().encode(`${text} `))
      left -= chunk.length
      controller.enqueue(chunk)
    },
  })
}

async function begins(name: string): Promise<string | undefined> {
  const object = await env.MEDIA.get(name)
  return (await object?.text())?.split(' ')[0]
}

describe('objects stored in parts', () => {
  it('does not undo a PUT that is acknowledged while a copy completes', async () => {
    const plain = start()
    const { copy } = start(
      pausing(() => plain.request('/put.bin', { method: 'PUT', body: 'saved meanwhile' })),
    )
    expect(await copy('put.bin')).toMatchObject({ outcome: 'present' })
    expect(await begins('put.bin')).toBe('saved')
  })

  it('does not undo a DELETE that is acknowledged while a copy completes', async () => {
    const plain = start()
    const { copy } = start(pausing(() => plain.request('/delete.bin', { method: 'DELETE' })))
    expect(await copy('delete.bin')).toMatchObject({ outcome: 'present' })
    expect((await plain.request('/delete.bin')).status).toBe(404)
  })

  it('never gives two saves the same name', async () => {
    // Both have checked before either completes.
    const both = Promise.withResolvers<void>()
    let waiting = 0
    const { request } = start(
      pausing(async () => {
        if (++waiting === 2) both.resolve()
        await both.promise
      }),
    )
    const save = (text: string) => request('/-/api/save/save.bin', { method: 'POST', body: chunked(text) })
    const answers = await Promise.all([save('one'), save('two')])
    const saved = answers
      .filter(({ status }) => status === 201)
      .map(({ body }) => JSON.parse(body).name as string)
    expect(saved.length).toBeGreaterThan(0)
    expect(new Set(saved).size).toBe(saved.length)
  })

  it('does not replace, with a PUT If-None-Match: *, an object that was acknowledged in the meantime', async () => {
    const plain = start()
    await plain.request('/absent.bin', { method: 'DELETE' })
    const { request } = start(
      pausing(() => plain.request('/absent.bin', { method: 'PUT', body: 'saved meanwhile' })),
    )
    const headers = { 'If-None-Match': '*' }
    expect((await request('/absent.bin', { method: 'PUT', headers, body: chunked('late') })).status).toBe(412)
    expect(await begins('absent.bin')).toBe('saved')
  })
})
