import { afterEach, describe, expect, it } from 'vitest'
import { bucketWith, answering, fill, KV, media, mediaKv, OLD, R2, startApp } from '../kit/app.ts'

const TEXT = 'the object'
const headers = { 'Content-Length': `${TEXT.length}`, ETag: '"old"' }

/** An origin that has every name, except below `none/`. */
function origin() {
  return answering(({ url }) =>
    url.includes('/none/') ? new Response(null, { status: 404 }) : new Response(TEXT, { headers }),
  )
}

/** R2 whose reads wait until they are let through. */
function slowR2() {
  let held: (() => void)[] | null = null
  const turn = (): Promise<void> | undefined =>
    held ? new Promise((resolve) => void held?.push(resolve)) : undefined
  const bucket = bucketWith({
    get: (async (...args: Parameters<R2Bucket['get']>) => (
      await turn(),
      original.get(...args)
    )) as R2Bucket['get'],
    head: async (key) => (await turn(), original.head(key)),
  })
  const original = bucketWith({})
  return {
    bucket,
    hold: () => void (held = []),
    release(): void {
      for (const resume of held ?? []) resume()
      held = null
    },
    held: () => held?.length ?? 0,
  }
}

async function site(settings: Record<string, unknown> = {}) {
  const old = origin()
  const r2 = slowR2()
  const app = startApp({
    FALLBACK_STORAGES: [R2, OLD],
    FALLBACK_NEGATIVE_CACHE_SECONDS: 0,
    MEDIA: r2.bucket,
    OLD: old,
    ...settings,
  })
  return { ...app, old, r2 }
}

/** Reads names that the primary lacks, until it is known to. */
async function learn({ call }: Awaited<ReturnType<typeof site>>): Promise<void> {
  for (let index = 0; index < 8; index++) await (await call(`/photos/learn-${index}.txt`)).text()
}

afterEach(async () => {
  for (const { name } of (await media.list?.())?.objects ?? []) await media.delete?.(name)
  for (const { name } of (await mediaKv.list?.())?.objects ?? []) await mediaKv.delete?.(name)
})

describe('reads of what the primary probably lacks', () => {
  it.each(['GET', 'HEAD'])('%s starts the origin at once, and Server-Timing says so', async (method) => {
    const started = await site()
    const { call, old, r2 } = started
    await learn(started)
    const before = old.requests.length
    r2.hold()
    const answer = call('/photos/cold.txt', { method })
    await expect.poll(() => [r2.held(), old.requests.length - before]).toEqual([1, 1])
    r2.release()
    const response = await answer
    expect(await response.text()).toBe(method === 'GET' ? TEXT : '')
    expect(response.headers.get('Server-Timing')).toMatch(
      /^media;dur=[\d.]+;desc=absent, old;dur=[\d.]+;desc="hit; speculative"$/,
    )
    expect(response.headers.get('Cache-Status')).toBe('fallback-storage; fwd=uri-miss; detail=old')
    expect(response.headers.get('Cache-Control')).not.toBe('no-store')
  })

  it('serves the primary’s object where it has one, and cancels the origin’s', async () => {
    const started = await site()
    const { call, old } = started
    await learn(started)
    await fill(media, { 'photos/saved.txt': 'saved' })
    const before = old.requests.length
    const response = await call('/photos/saved.txt')
    expect(await response.text()).toBe('saved')
    expect(response.headers.get('Server-Timing')).toMatch(
      /^media;dur=[\d.]+;desc=hit, old;dur=[\d.]+;desc=cancelled$/,
    )
    expect(response.headers.get('Cache-Status')).toBe('fallback-storage; hit; detail=media')
    expect(response.headers.get('Cache-Control')).not.toBe('no-store')
    expect(old.requests.length - before).toBe(1)
    expect(old.requests.at(-1)?.signal.aborted).toBe(true)
  })

  it('stops when the directory has been migrated, and goes on in others', async () => {
    const started = await site()
    const { call, old } = started
    await learn(started)
    await fill(media, { 'photos/saved.txt': 'saved' })
    for (let index = 0; index < 8; index++) await (await call(`/other/learn-${index}.txt`)).text()
    for (let read = 0; read < 10; read++) await (await call('/photos/saved.txt')).text()
    const before = old.requests.length
    expect((await call('/photos/saved.txt')).headers.get('Server-Timing')).toMatch(/^media;[^,]+$/)
    expect(old.requests.length).toBe(before)
    expect((await call('/other/cold.txt')).headers.get('Server-Timing')).toMatch(/desc="hit; speculative"$/)
  })

  it('hides what has been deleted', async () => {
    const started = await site()
    await learn(started)
    expect((await started.call('/photos/gone.txt', { method: 'DELETE' })).status).toBe(204)
    const response = await started.call('/photos/gone.txt')
    expect([response.status, response.headers.get('Server-Timing')]).toEqual([
      404,
      expect.stringMatching(/^media;dur=[\d.]+;desc=absent, old;dur=[\d.]+;desc=cancelled$/),
    ])
  })

  it('copies what the primary lacks, and only that', async () => {
    const started = await site({ FALLBACK_DATA_MIGRATION: 'true' })
    await learn(started)
    expect(await (await started.call('/photos/cold.txt')).text()).toBe(TEXT)
    await expect.poll(async () => (await media.head('photos/cold.txt'))?.provenance?.backend).toBe('old')
    await started.call('/photos/gone.txt', { method: 'DELETE' })
    await (await started.call('/photos/gone.txt')).text()
    expect((await media.head('photos/gone.txt'))?.deleted).toBeInstanceOf(Date)
  })

  it('has at most as many requests that are not needed as it is allowed', async () => {
    const started = await site()
    const { call, old } = started
    await fill(media, { 'mixed/saved.txt': 'saved' })
    const reads = 300
    for (let read = 0; read < reads; read++)
      await (await call(read % 3 === 0 ? '/mixed/saved.txt' : `/mixed/${read}.txt`)).text()
    const extra = old.requests.length - (reads * 2) / 3
    expect(extra).toBeGreaterThan(0)
    expect(extra).toBeLessThanOrEqual(0.05 * reads + 2)
  })

  it.each(['exists', 'size'])('does not start it for the API’s %s', async (method) => {
    const started = await site()
    const { json, old, r2 } = started
    await learn(started)
    const before = old.requests.length
    r2.hold()
    const answer = json(`/-/api/${method}/photos/cold.txt`)
    await expect.poll(() => r2.held()).toBe(1)
    expect(old.requests.length).toBe(before)
    r2.release()
    expect((await answer).status).toBe(200)
  })

  it('does not start it at all with FALLBACK_SPECULATIVE_PERCENT = 0', async () => {
    const started = await site({ FALLBACK_SPECULATIVE_PERCENT: 0 })
    await learn(started)
    const response = await started.call('/photos/cold.txt')
    expect(response.headers.get('Server-Timing')).toMatch(/old;dur=[\d.]+;desc=hit$/)
    expect(await started.get('explain/photos/cold.txt')).not.toHaveProperty('speculation')
  })
})

describe('what this isolate knows of it', () => {
  it('is explained', async () => {
    const started = await site()
    const explained = async (name: string) => (await started.get(`explain/${name}`))['speculation']
    expect(await explained('photos/cold.txt')).toEqual({ miss_rate: 0, starts: [] })
    await learn(started)
    expect(await explained('photos/cold.txt')).toEqual({ miss_rate: 1, starts: ['old'] })
  })

  it('names all that a read would start', async () => {
    const started = await site({ FALLBACK_STORAGES: [R2, KV, OLD] })
    await learn(started)
    expect((await started.get('explain/photos/cold.txt'))['speculation']).toEqual({
      miss_rate: 1,
      starts: ['media_kv', 'old'],
    })
  })

  it('is counted in the metrics and the backends’ health', async () => {
    const started = await site()
    const { call, get } = started
    await learn(started)
    await (await call('/photos/cold.txt')).text()
    await fill(media, { 'photos/saved.txt': 'saved' })
    await (await call('/photos/saved.txt')).text()
    const text = await (await call('/-/metrics')).text()
    expect(text).toContain('fallback_storage_speculative_requests_total{backend="old",result="used"} 1\n')
    expect(text).toContain(
      'fallback_storage_speculative_requests_total{backend="old",result="not_needed"} 1\n',
    )
    const { backends } = (await get('backends')) as { backends: Record<string, unknown>[] }
    expect(backends.map(({ name, speculative }) => [name, speculative])).toEqual([
      ['media', undefined],
      ['old', { used: 1, not_needed: 1 }],
    ])
    const [, second] = backends as { health: { failures: number; recent_errors: unknown[] } }[]
    expect(second?.health).toMatchObject({ failures: 0, recent_errors: [] })
  })
})
