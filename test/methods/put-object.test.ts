import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { answering, BROKEN_ORIGIN, EMPTY_ORIGIN, media, OLD, R2 } from '../kit/app.ts'
import { BUCKET, startS3 } from '../kit/s3-client.ts'
import { codeOf } from '../s3-api/uploads.ts'

afterEach(() => reset())

/** R2 behind an old server, whose objects are the ones that are read. */
const behind = (origin: { fetch: unknown }) => startS3({ FALLBACK_STORAGES: [OLD, R2], OLD: origin })

describe('a PUT behind a read-only backend', () => {
  const HOLDING = answering(() => new Response('old'))

  it('is refused if that has the name, since the new object would never be read', async () => {
    const { call, s3 } = behind(HOLDING)
    const answer = await call('/a', { method: 'PUT', body: 'new' })
    expect(answer.status).toBe(501)
    expect(await answer.json()).toMatchObject({ detail: expect.stringContaining('"old"') as string })
    expect(await codeOf(s3('PUT', `/${BUCKET}/a`, { body: 'new' }))).toBe('MethodNotAllowed')
    expect(await media.head('a')).toBeNull()
  })

  it('does not bring back what was deleted', async () => {
    const { call, remove } = behind(HOLDING)
    await remove('a')
    expect((await call('/a', { method: 'PUT', body: 'new' })).status).toBe(501)
    expect((await call('/a')).status).toBe(404)
  })

  it('fails if that fails, and succeeds if that lacks the name', async () => {
    expect((await behind(BROKEN_ORIGIN).call('/a', { method: 'PUT', body: 'new' })).status).toBe(502)
    expect(await media.head('a')).toBeNull()
    const { call } = behind(EMPTY_ORIGIN)
    expect((await call('/a', { method: 'PUT', body: 'new' })).status).toBe(201)
    expect(await (await call('/a')).text()).toBe('new')
  })
})
