import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { media, seed, startApp } from '../kit/app.ts'

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
    expect((await call(`/-/api/${path}/report`)).status).toBe(200)
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
