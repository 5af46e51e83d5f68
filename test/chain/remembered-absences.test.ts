import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { answering, OLD, R2, startApp } from '../kit/app.ts'

afterEach(() => reset())

/** A site that has just read `a` as absent, and whose old server has got it since. */
async function rememberingSite() {
  let hasIt = false
  const origin = answering(() => (hasIt ? new Response('old') : new Response(null, { status: 404 })))
  const site = startApp({
    FALLBACK_STORAGES: [R2, OLD],
    FALLBACK_DATA_MIGRATION: true,
    FALLBACK_NEGATIVE_CACHE_SECONDS: 3600,
    OLD: origin,
  })
  expect((await site.call('/a')).status).toBe(404)
  hasIt = true
  expect((await site.call('/a')).status).toBe(404)
  return site
}

describe('an absence that is remembered', () => {
  it('lets no tombstone be purged that the name still needs', async () => {
    const { post, remove } = await rememberingSite()
    await remove('a')
    expect((await post('tombstones/purge')).body).toMatchObject({ purged: 0, kept: 1 })
  })

  it('is not what undelete reports', async () => {
    const { post, remove } = await rememberingSite()
    await remove('a')
    expect((await post('undelete/a')).body).toMatchObject({ restored: true })
  })

  it('does not count for copies', async () => {
    const { post } = await rememberingSite()
    expect((await post('migrate', { names: ['a'] })).body).toMatchObject({
      results: [{ name: 'a', outcome: 'copied' }],
    })
  })

  it('does not count for the condition of a write', async () => {
    const { call } = await rememberingSite()
    const put = { method: 'PUT', body: 'new', headers: { 'If-None-Match': '*' } }
    expect((await call('/a', put)).status).toBe(412)
  })
})
