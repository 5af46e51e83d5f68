import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startSite, TOKEN, type Site } from '../kit/worker/site.ts'
import { startOrigin, type Origin } from '../kit/origin/origin.ts'

const BODY = Buffer.from('a picture, believe it')
const AUTHORIZATION = { Authorization: `Bearer ${TOKEN}` }
/** Long enough for all that a test reads meanwhile. */
const OPEN_SECONDS = 4

let old: Origin
let site: Site

/** A new Worker for each group, so that it remembers nothing about a backend from another group. */
function start(vars: Record<string, string>, table: object = {}): void {
  beforeAll(async () => {
    old = await startOrigin()
    site = await startSite({
      storages: [
        { type: 'r2', binding: 'MEDIA' },
        { type: 'http', name: 'old', url: old.url, timeout_ms: 2000, ...table },
      ],
      // Else the number of reads before would decide whether a fallback is asked early.
      vars: { FALLBACK_DATA_MIGRATION: 'false', FALLBACK_SPECULATIVE_PERCENT: '0', ...vars },
    })
  })
  afterEach(() => old.reset())
  afterAll(async () => {
    await site?.close()
    await old?.close()
  })
}

async function read(
  name: string,
): Promise<{ status: number; trace: string | undefined; retryAfter: string | null }> {
  const response = await fetch(site.url + name)
  await response.arrayBuffer()
  const trace = response.headers.get('Server-Timing')?.replaceAll(/;dur=[\d.]+;desc=/g, '=')
  return { status: response.status, trace, retryAfter: response.headers.get('Retry-After') }
}

describe('a breaker', () => {
  start({
    FALLBACK_BREAKER_FAILURES: '3',
    FALLBACK_BREAKER_SECONDS: `${OPEN_SECONDS}`,
    FALLBACK_NEGATIVE_CACHE_SECONDS: '0',
  })

  it('skips a backend that keeps failing, without calling anything absent, and tries it again later', async () => {
    old.add('a.jpg', BODY)
    await old.set('*', 'status500')
    for (let failure = 0; failure < 3; failure++)
      expect(await read('a.jpg')).toMatchObject({ status: 502, trace: 'media=absent, old=error' })
    expect(await read('a.jpg')).toMatchObject({ status: 502, trace: 'media=absent, old=skipped' })
    expect(await read('unknown.jpg')).toMatchObject({ status: 502, trace: 'media=absent, old=skipped' })
    const { backends } = (await (
      await fetch(`${site.url}-/api/backends`, { headers: AUTHORIZATION })
    ).json()) as {
      backends: { name: string; health?: { state: string } }[]
    }
    expect(backends.find(({ name }) => name === 'old')?.health?.state).toBe('open')
    expect(old.requests).toHaveLength(3)
    await old.set('*', null)
    await expect.poll(() => read('a.jpg')).toMatchObject({ status: 200, trace: 'media=absent, old=hit' })
  })

  it('does not count 404 and 403 as failures', async () => {
    for (const fault of ['status404', 'status403'] as const) {
      await old.set('*', fault)
      for (let round = 0; round < 5; round++) expect((await read('b.jpg')).trace).not.toContain('skipped')
    }
    expect(old.requests).toHaveLength(10)
  })

  it('skips a backend for as long as its Retry-After says, and passes that on to the client', async () => {
    await old.set('*', 'status429')
    expect(await read('c.jpg')).toEqual({ status: 502, trace: 'media=absent, old=error', retryAfter: '7' })
    await old.set('*', null)
    await sleep(OPEN_SECONDS * 1000 + 100)
    expect(await read('c.jpg')).toMatchObject({ status: 502, trace: 'media=absent, old=skipped' })
    expect(old.requests).toHaveLength(1)
  })
})

describe('a negative cache', () => {
  start({ FALLBACK_NEGATIVE_CACHE_SECONDS: '4', FALLBACK_DATA_MIGRATION: 'true' })

  it('requests a missing name once from an old server, and again after a while', async () => {
    for (let round = 0; round < 5; round++) expect(await read('none.jpg')).toMatchObject({ status: 404 })
    expect(old.requests).toHaveLength(1)
    old.add('none.jpg', BODY)
    await expect.poll(() => read('none.jpg')).toMatchObject({ status: 200, trace: 'media=absent, old=hit' })
  })

  it('does not hide an object that is saved at the same time', async () => {
    expect(await read('saved.jpg')).toMatchObject({ status: 404 })
    const put = await fetch(`${site.url}saved.jpg`, { method: 'PUT', body: BODY, headers: AUTHORIZATION })
    expect(put.status).toBe(201)
    expect(await read('saved.jpg')).toMatchObject({ status: 200, trace: 'media=hit' })
  })

  it('does not remember failures', async () => {
    old.add('later.jpg', BODY)
    await old.set('later.jpg', 'status500')
    expect(await read('later.jpg')).toMatchObject({ status: 502 })
    await old.set('later.jpg', null)
    expect(await read('later.jpg')).toMatchObject({ status: 200 })
  })
})
