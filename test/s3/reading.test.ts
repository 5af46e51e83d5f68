import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { S3Backend } from '../../src/backends/s3/s3.ts'

import { bodyOf, failure, THOUSAND } from './fixtures.ts'
import { connect, connectEmpty } from './server.ts'

const bytes = THOUSAND
const base = 'https://media.example/'
let backend: S3Backend
beforeAll(async () => {
  backend = await connectEmpty('reading')
  await backend.put('thousand.bin', bytes)
})

describe('s3Backend() and signatures', () => {
  it('is denied with a wrong secret, and does not show it', async () => {
    const { credentials } = inject('s3')
    const wrong = connect('reading', { credentials: { ...credentials, secretAccessKey: 'wrong-secret' } })
    const error = await failure(wrong.get('thousand.bin'))
    expect(error).toMatchObject({ code: 'denied', status: 403 })
    expect(JSON.stringify([error.message, error.cause ?? ''])).not.toMatch(/wrong-secret|Signature=/)
    expect(await failure(wrong.head('thousand.bin'))).toMatchObject({ code: 'denied' })
    expect(await failure(wrong.list())).toMatchObject({ code: 'denied' })
    expect(await failure(wrong.put('x', bytes))).toMatchObject({ code: 'denied' })
  })

  it('does not take wrong credentials for absence, even if 403 proves it', async () => {
    const { credentials } = inject('s3')
    const wrong = connect('reading', {
      credentials: { ...credentials, secretAccessKey: 'wrong-secret' },
      absentStatuses: [403, 404],
    })
    expect(await failure(wrong.get('missing'))).toMatchObject({ code: 'denied' })
    expect(await failure(wrong.head('missing'))).toMatchObject({ code: 'denied' })
  })

  it('is accepted with the header that names the deployments that a request has passed through', async () => {
    const passing = connect('reading', { deploymentId: '0a0b0c0d' })
    expect((await passing.head('thousand.bin'))?.size).toBe(1000)
    expect(await bodyOf(await passing.get('thousand.bin'))).toEqual(bytes)
    expect(await passing.put('passing.bin', bytes)).toMatchObject({ size: 1000 })
    await passing.delete('passing.bin')
  })

  it('makes URLs that anyone can fetch', async () => {
    const url = await backend.url('thousand.bin', { base, expiresIn: 60 })
    const answer = await fetch(url, { headers: { Range: 'bytes=0-9' } })
    expect(answer.status).toBe(206)
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytes.slice(0, 10))
    const forged = await fetch(url.replace('thousand.bin', 'other.bin'))
    expect(forged.status).toBe(403)
    await forged.body?.cancel()
  })
})

describe('s3Backend() and absence', () => {
  it('misses absent objects', async () => {
    expect(await backend.get('missing')).toBeNull()
    expect(await backend.get('missing', { range: { offset: 5 } })).toBeNull()
    expect(await backend.get('missing', { range: { suffix: 0 } })).toBeNull()
    expect(await backend.head('missing')).toBeNull()
  })

  it('fails when the bucket itself is missing', async () => {
    const { flavour: _flavour, ...server } = inject('s3')
    const astray = connect('reading', { ...server, bucket: 'no-such-bucket' })
    expect(await failure(astray.head('x'))).toMatchObject({ code: 'unavailable', status: 404 })
    expect(await failure(astray.get('x'))).toMatchObject({ code: 'unavailable', status: 404 })
    expect(await failure(astray.list())).toMatchObject({ code: 'unavailable', status: 404 })
  })

  it('fails when nothing listens', async () => {
    const nowhere = connect('reading', { endpoint: 'http://127.0.0.1:1' })
    expect(await failure(nowhere.get('x'))).toMatchObject({ code: 'unavailable', backend: 's3' })
  })
})

describe('s3Backend() and ranges', () => {
  it.each([
    [{ offset: 0, length: 1 }, 0, 0],
    [{ offset: 10 }, 10, 999],
    [{ offset: 990, length: 500 }, 990, 999],
    [{ suffix: 7 }, 993, 999],
    [{ suffix: 5000 }, 0, 999],
  ])('answers %j with that part', async (range, start, end) => {
    const object = await backend.get('thousand.bin', { range })
    expect(object).toMatchObject({ size: 1000, range: { start, end } })
    expect(await bodyOf(object)).toEqual(bytes.slice(start, end + 1))
  })

  it.each([[{ offset: 1000 }], [{ offset: 5000, length: 2 }], [{ suffix: 0 }]])(
    'says that %j begins after the end, and reports the size',
    async (range) => {
      const error = await failure(backend.get('thousand.bin', { range }))
      expect(error).toMatchObject({ code: 'unsatisfiable', size: 1000 })
    },
  )

  it('returns only a part of the requested version', async () => {
    const etag = (await backend.head('thousand.bin'))?.etag ?? ''
    const object = await backend.get('thousand.bin', { ifMatch: etag, range: { offset: 1, length: 2 } })
    expect(await bodyOf(object)).toEqual(bytes.slice(1, 3))
    expect(await failure(backend.get('thousand.bin', { ifMatch: '"another"' }))).toMatchObject({
      code: 'precondition',
    })
  })

  it('knows a copy by the ETag of its source', async () => {
    await backend.put('copy.bin', bytes, { info: { etag: '"source"' } })
    const object = await backend.get('copy.bin', { ifMatch: '"source"' })
    expect(object).toMatchObject({ etag: '"source"' })
    expect(await bodyOf(object)).toEqual(bytes)
  })
})
