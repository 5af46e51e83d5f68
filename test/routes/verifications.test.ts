import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { type Json, media, R2, seed, startApp } from '../kit/app.ts'

afterEach(async () => {
  await reset()
})

describe('a verification over HTTP', () => {
  it('ends in a certificate, in JSON and as a page', async () => {
    const { post, ended, get, call } = startApp()
    await seed(12)
    const backfill = await post('backfills')
    await ended(`backfills/${String(backfill.body['id'])}`)
    const begun = await post('verifications', { deep: true })
    expect(begun).toMatchObject({ status: 202, body: { state: 'running', safe_to_detach: false } })
    const path = `verifications/${String(begun.body['id'])}`
    const safe = await ended(path)
    expect(safe).toMatchObject({ equal: 12, safe_to_detach: true, coverage: 1 })

    await media.put?.('<script>alert(1)</script>', new Uint8Array(1))
    await media.delete?.('photos/0003')
    const second = await post('verifications')
    const unsafe = `verifications/${String(second.body['id'])}`
    const extra = Number(safe['extra']) + 1
    expect(await ended(unsafe)).toMatchObject({ equal: 11, missing: 1, extra, safe_to_detach: false })
    expect(await get(`${unsafe}/differences?kind=missing`)).toMatchObject({
      differences: [{ kind: 'missing', name: 'photos/0003', backend: 'media_kv' }],
      cursor: null,
    })
    const first = await get(`${unsafe}/differences?limit=1`)
    expect(first['differences']).toHaveLength(1)
    const rest = await get(`${unsafe}/differences?limit=1&cursor=${String(first['cursor'])}`)
    expect(rest).toMatchObject({ differences: [{}], cursor: null })

    const response = await call(`/-/api/${unsafe}/report`)
    const page = await response.text()
    expect(response.headers.get('Content-Type')).toMatch(/^text\/html/)
    expect(page).toContain('Not safe to detach')
    expect(page).toContain(' by API_TOKEN, ')
    expect(page).toContain('&lt;script&gt;')
    expect(page).not.toContain('<script')
    expect(page).toMatch(/\.unsafe \{[^<]*<\/style>/)
    const proof = await (await call(`/-/api/${path}/report`)).text()
    expect(proof).toContain('Everything in the fallbacks is in media, or was deleted.')
    // On paper or in a file, nobody knows where that is.
    expect(page + proof).not.toMatch(/\bhere\b/)
    const broken = { fetch: async () => new Response(null, { status: 503 }) }
    for (const ASSETS of [undefined, broken]) {
      const plain = await startApp({ ASSETS }).call(`/-/api/${path}/report`)
      expect(plain.status).toBe(200)
      expect(await plain.text()).toContain('Safe to detach')
    }
  })

  it('prints accepted reasons on the certificate, and refuses unknown ones', async () => {
    const { post, ended, call } = startApp()
    await seed(2)
    const wrong = await post('verifications', { accept: ['missing'] })
    expect(wrong.status).toBe(400)
    expect(JSON.stringify(wrong.body)).toContain('must be one of excluded, not_accepted, invalid_name')

    const begun = await post('verifications', { prefix: 'none/', accept: ['prefix', 'failed', 'prefix'] })
    const path = `verifications/${String(begun.body['id'])}`
    expect(await ended(path)).toMatchObject({
      left_out: { prefix: 1 },
      accepted: [
        { reason: 'prefix', count: 1 },
        { reason: 'failed', count: 0 },
      ],
      safe_to_detach: true,
    })
    const page = await (await call(`/-/api/${path}/report`)).text()
    expect(page).toContain('Accepted by the operator')
    expect(page).toContain('<li>prefix: 1</li>')
    expect(page).toContain('all names outside the prefix')
    expect(page).toContain('except for what was accepted')
  })
})

/** The chain of wrangler.toml, with which the jobs run. */
const CHAIN = {
  FALLBACK_STORAGES: [
    { type: 'r2', binding: 'MEDIA' },
    { type: 'kv', binding: 'MEDIA_KV' },
  ],
}
const KEYS = JSON.stringify([
  { id: 'new', key: 'n'.repeat(32) },
  { id: 'old', key: 'o'.repeat(32) },
])

async function certificateOf(app: ReturnType<typeof startApp>): Promise<Json> {
  const begun = await app.post('verifications')
  return app.ended(`verifications/${String(begun.body['id'])}`)
}

describe('a certificate', () => {
  it('is signed, and valid as long as nothing in it is changed', async () => {
    await seed(2)
    const app = startApp(CHAIN)
    const job = await certificateOf(app)
    expect(job['certificate']).toMatchObject({
      issued: job['finished'],
      deployment: app.deployment.id,
      configuration: {
        backends: [{ name: 'media', type: 'r2' }, { name: 'media_kv' }],
        deletes: 'tombstone',
      },
      current: true,
      algorithm: 'HMAC-SHA-256',
      key_id: 'token API_TOKEN',
      signature: expect.stringMatching(/^[\w-]{43}$/),
    })
    const check = async (certificate: unknown) => (await app.post('verifications/check', certificate)).body
    expect(await check(job)).toEqual({
      valid: true,
      current: true,
      detail: 'This deployment has issued it, and it is unchanged.',
    })
    const reordered = Object.fromEntries(Object.entries(job).toReversed())
    expect(await check(reordered)).toMatchObject({ valid: true })

    const conditions = job['conditions'] as Json[]
    for (const change of [
      { safe_to_detach: true },
      { missing: 0 },
      { note: 'added' },
      { conditions: [{ ...conditions[0], seen: 'all is well' }, ...conditions.slice(1)] },
      { certificate: { ...(job['certificate'] as Json), issued: '2020-01-01T00:00:00.000Z' } },
    ])
      expect(await check({ ...job, ...change })).toMatchObject({ valid: false, current: null })
    expect(await check({ ...job, certificate: null })).toMatchObject({
      valid: false,
      detail: expect.stringContaining('not signed'),
    })
    expect(await check({ valid: true })).toMatchObject({ valid: false })
    expect((await app.post('verifications/check', { certificate: 'x' })).status).toBe(400)
  })

  it('is signed by the first signing key, checked by all, and worth nothing to other keys', async () => {
    await seed(1)
    const job = await certificateOf(startApp({ ...CHAIN, URL_SIGNING_KEYS: KEYS }))
    expect(job['certificate']).toMatchObject({ key_id: 'URL_SIGNING_KEYS new' })
    const rotated = JSON.stringify([{ id: 'newer', key: 'x'.repeat(32) }, ...(JSON.parse(KEYS) as Json[])])
    const check = async (settings: Json) =>
      (await startApp({ ...CHAIN, ...settings }).post('verifications/check', job)).body
    expect(await check({ URL_SIGNING_KEYS: rotated })).toMatchObject({ valid: true })
    expect(await check({})).toMatchObject({ valid: false, detail: expect.stringContaining('no longer has') })
    const replaced = JSON.stringify([{ id: 'new', key: 'y'.repeat(32) }])
    expect(await check({ URL_SIGNING_KEYS: replaced })).toMatchObject({ valid: false })
  })

  it('stays valid for the configuration that it names, and says that the chain has another one', async () => {
    await seed(1)
    const job = await certificateOf(startApp(CHAIN))
    const [r2, kv] = CHAIN.FALLBACK_STORAGES
    const other = startApp({ FALLBACK_STORAGES: [r2, { ...kv, exclude: ['^private/'] }] })
    expect((await other.post('verifications/check', job)).body).toMatchObject({ valid: true, current: false })
  })

  it('prints each condition and its signature, in words', async () => {
    await seed(1)
    const app = startApp(CHAIN)
    const { id } = await certificateOf(app)
    const page = await (await app.call(`/-/api/verifications/${String(id)}/report`)).text()
    for (const text of [
      '✗ Not met',
      '✓ Met',
      '? Not looked at',
      'Next: ',
      'HMAC-SHA-256, key token API_TOKEN',
    ])
      expect(page).toContain(text)
  })
})

describe('the way back over HTTP', () => {
  const mirror = { type: 'kv', binding: 'MEDIA_KV', mirror: true }

  it.each([
    ['mirrors/none/resync', {}, 404, 'no backend is named \\"none\\" (mirrors: media_kv)'],
    ['mirrors/media/resync', {}, 400, 'media is not a mirror (mirrors: media_kv)'],
    ['mirrors/media_kv/resync', { dry_run: true }, 400, 'dry_run'],
    ['verifications', { direction: 'rollback', mirror: 'media' }, 400, '\\"media\\" is not a mirror'],
    ['verifications', { direction: 'rollback', repair: true }, 400, 'a resync is what repairs mirrors'],
    ['verifications', { mirror: 'media_kv' }, 400, 'direction \\"rollback\\"'],
    ['verifications', { direction: 'back' }, 400, 'must be detach or rollback'],
  ])('refuses POST %s with %o', async (path, body, status, says) => {
    const { post } = startApp({ FALLBACK_STORAGES: [R2, mirror] })
    const refused = await post(path, body)
    expect(refused.status).toBe(status)
    expect(JSON.stringify(refused.body)).toContain(says)
  })

  it('needs a mirror', async () => {
    const { post } = startApp()
    const { status, body } = await post('verifications', { direction: 'rollback' })
    expect(status).toBe(400)
    expect(JSON.stringify(body)).toContain('no backend is a mirror: set `mirror = true`')
  })

  it('says in each direction what it proves', async () => {
    const { post, ended } = startApp()
    await seed(1)
    const { body } = await post('verifications', { direction: 'detach' })
    const detach = await ended(`verifications/${String(body['id'])}`)
    expect(detach).toMatchObject({ direction: 'detach', safe_to_detach: false })
    expect(detach).not.toHaveProperty('safe_to_roll_back')
    expect(detach).not.toHaveProperty('not_deleted')
  })
})
