import { createExecutionContext, createMessageBatch, getQueueResult, reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it, vi } from 'vitest'
import worker from '../../src/index.ts'
import type { SourceMessage } from '../../src/sources/messages.ts'
import { answering, BROKEN_ORIGIN, type CallInit, media, OLD, R2, startApp } from '../kit/app.ts'
import { textOf } from '../kit/fakes.ts'
import { eventually } from '../kit/eventually.ts'
import { createRandom } from '../kit/random.ts'
import { s3Records } from '../sources/samples.ts'
import { CONFIRMATION, fakeSns, GOODBYE, NOTIFICATION, signed } from '../sources/sns-signer.ts'

const SECRET = 'a-secret-in-the-url-0123456789'
const PATH = '/-/api/events/old'

/** An origin whose objects a test changes, behind the primary R2, and a queue that holds what is sent. */
function start({
  storages = [R2, OLD],
  ...settings
}: { storages?: object[] } & Record<string, unknown> = {}) {
  const objects = new Map<string, string>()
  const origin = answering(({ url, method }) => {
    const text = objects.get(decodeURIComponent(new URL(url).pathname.slice(1)))
    if (text === undefined) return new Response(null, { status: 404 })
    return new Response(method === 'HEAD' ? null : text, {
      headers: { ETag: `"${text}"`, 'Content-Length': `${text.length}` },
    })
  })
  const sent: { body: SourceMessage; delaySeconds?: number }[] = []
  const queue = {
    send: async (body: SourceMessage, options: object = {}) => void sent.push({ body, ...options }),
    sendBatch: async (messages: { body: SourceMessage }[]) => void sent.push(...messages),
  }
  const started = startApp({
    FALLBACK_STORAGES: storages,
    FALLBACK_DATA_MIGRATION: true,
    FALLBACK_NEGATIVE_CACHE_SECONDS: 0,
    OLD: origin,
    COPY_QUEUE: queue,
    EVENTS_SECRET: SECRET,
    ...settings,
  })
  const post = (message: unknown, init: CallInit = {}, path = PATH) =>
    started.json(path, { method: 'POST', body: JSON.stringify(message), ...init })
  /** Delivers what was sent, in that order. */
  const deliver = async (messages = sent.splice(0)) => {
    const results: string[] = []
    const delivered = messages.map(({ body }) => ({
      body,
      attempts: 1,
      ack: () => void results.push('ack'),
      retry: () => void results.push('retry'),
    }))
    await started.deployment.sources.consume(delivered)
    return results
  }
  const status = async () => (await started.get('events'))['sources']
  return { ...started, objects, origin, sent, queue, post, deliver, status }
}

const put = (key: string) => s3Records('ObjectCreated:Put', key, { eventTime: new Date().toISOString() })
function shuffled<T>(list: readonly T[], seed: number): T[] {
  const random = createRandom(seed)
  return list
    .map((one) => ({ one, order: random.next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ one }) => one)
}

const stored = async (name: string) => textOf(await media.get(name))

afterEach(() => reset())

describe('who may send events', () => {
  it('is who has the secret or a token of scope admin', async () => {
    const { post, sent } = start()
    const secret = `${PATH}?secret=${SECRET}`
    expect(await post(put('a'), { token: null }, secret)).toEqual({
      status: 202,
      body: { accepted: 1, ignored: 0 },
    })
    expect((await post(put('a'))).status).toBe(202)
    expect(sent).toHaveLength(2)
    for (const query of [
      '',
      '?secret=',
      `?secret=${SECRET}x`,
      `?secret=${SECRET.slice(1)}`,
      `?Secret=${SECRET}`,
    ])
      expect([query, (await post(put('a'), { token: null }, PATH + query)).status]).toEqual([query, 401])
    // The first way to sign in that a request uses decides.
    expect((await post(put('a'), { token: 'wrong' }, secret)).status).toBe(401)
    expect(sent).toHaveLength(2)
  })

  it('is told where no secret is configured', async () => {
    const { post, sent } = start({ EVENTS_SECRET: undefined })
    const { status, body } = await post(put('a'), { token: null }, `${PATH}?secret=${SECRET}`)
    expect([status, body['detail']]).toEqual([
      403,
      expect.stringContaining('wrangler secret put EVENTS_SECRET'),
    ])
    expect(sent).toEqual([])
  })

  it.each([
    [{ EVENTS_SECRET: SECRET }, 401, 'the secret in the URL is wrong'],
    [{ EVENTS_SECRET: undefined }, 403, 'wrangler secret put EVENTS_SECRET'],
  ])(
    'is told what is wrong with the secret, even where no token is configured: %j',
    async (own, status, detail) => {
      const { post } = start({ API_TOKEN: undefined, ...own })
      const wrong = await post(put('a'), { token: null }, `${PATH}?secret=${SECRET}x`)
      expect([wrong.status, wrong.body['detail']]).toEqual([status, expect.stringContaining(detail)])
      const none = await post(put('a'), { token: null })
      expect([none.status, none.body['detail']]).toEqual([403, expect.stringContaining('API_TOKEN')])
    },
  )

  it('can do nothing else with the secret', async () => {
    const { call } = start()
    for (const path of ['events', 'backends', 'explain/a', 'list/'])
      expect((await call(`/-/api/${path}?secret=${SECRET}`, { token: null })).status).toBe(401)
    const write = await call(`/a?secret=${SECRET}`, { method: 'PUT', body: 'x', token: null })
    expect(write.status).toBe(401)
  })

  it('is not limited to a prefix, whatever the message says', async () => {
    const team = { name: 'team', token: 'the-token-of-a-team', scopes: ['admin'], prefix: 'team/' }
    const { post, sent } = start({ API_TOKENS: JSON.stringify([team]) })
    const message = { ...put('other/a'), prefix: 'team/', names: ['team/a'] }
    expect((await post(message, { token: team.token })).status).toBe(403)
    expect(sent).toEqual([])
  })

  it('is logged by name, without the secret', async () => {
    const { post } = start()
    const lines: unknown[] = []
    for (const level of ['info', 'warn', 'error'] as const)
      vi.spyOn(console, level).mockImplementation((line) => void lines.push(line))
    await post(put('a'), { token: null }, `${PATH}?secret=${SECRET}`)
    await post('x', { token: null }, `${PATH}?secret=${SECRET}`)
    vi.restoreAllMocks()
    expect(lines.join('\n')).toContain('"by":"EVENTS_SECRET"')
    expect(lines.join('\n')).not.toContain(SECRET)
    expect(lines.join('\n')).not.toContain('secret=')
  })

  it.each(['short', 'with spaces, which a URL cannot have', 'x'.repeat(23)])(
    'is not configured by %j, and no message shows it',
    (secret) => {
      expect(() => start({ EVENTS_SECRET: secret })).toThrow(/EVENTS_SECRET: must be at least 24/)
      expect(() => start({ EVENTS_SECRET: secret })).not.toThrow(secret)
    },
  )
})

describe('a request that is wrong', () => {
  it('names a backend that is none, or the primary', async () => {
    const { post } = start()
    expect(await post(put('a'), {}, '/-/api/events/other')).toMatchObject({
      status: 404,
      body: { detail: expect.stringContaining('"old"') },
    })
    expect(await post(put('a'), {}, '/-/api/events/media')).toMatchObject({
      status: 400,
      body: {
        detail:
          '"media" is the primary: events come from fallbacks, from which objects are copied; send them to one of "old"',
      },
    })
  })

  it.each([['{}'], ['[]'], ['"x"'], ['null'], ['no json'], ['']])('has the body %j', async (body) => {
    const { json, sent } = start()
    expect((await json(PATH, { method: 'POST', body })).status).toBe(400)
    expect(sent).toEqual([])
  })

  it('is larger than 1 MiB', async () => {
    const { post, sent } = start()
    expect((await post({ ...put('a'), padding: 'x'.repeat(1024 * 1024) })).status).toBe(413)
    expect((await post({ ...put('a'), padding: 'x'.repeat(1024 * 1023) })).status).toBe(202)
    expect(sent).toHaveLength(1)
  })
})

describe('an event', () => {
  it('is queued by name, whatever the Content-Type', async () => {
    const { post, sent } = start()
    const eventTime = '2026-01-02T03:04:05.678Z'
    const message = s3Records('ObjectRemoved:Delete', 'photos/a+b.jpg', { eventTime })
    const before = Date.now()
    await post(message, { headers: { 'Content-Type': 'text/plain; charset=UTF-8' } })
    expect(sent).toEqual([
      {
        body: {
          type: 'source',
          backend: 'old',
          name: 'photos/a b.jpg',
          at: Date.parse(eventTime),
          received: expect.any(Number),
        },
      },
    ])
    expect(sent[0]?.body.received).toBeGreaterThanOrEqual(before)
  })

  it('is repeated by its sender if the queue does not take it', async () => {
    const { call } = start({
      COPY_QUEUE: { send: async () => {}, sendBatch: () => Promise.reject(new Error('full')) },
    })
    const response = await call(PATH, { method: 'POST', body: JSON.stringify(put('a')) })
    expect([response.status, response.headers.get('Retry-After')]).toEqual([503, '10'])
  })

  it('copies what is new, replaces what was changed, removes what was deleted, and is counted', async () => {
    const { objects, post, deliver, status } = start()
    objects.set('a', 'one').set('b', 'one')
    await post(put('a'))
    await post(put('b'))
    expect(await deliver()).toEqual(['ack', 'ack'])
    expect([await stored('a'), await stored('b')]).toEqual(['one', 'one'])
    objects.set('a', 'two').delete('b')
    await post({ Records: [...put('b').Records, ...put('a').Records, ...put('/../x').Records] })
    await deliver()
    expect(await stored('a')).toBe('two')
    expect(await media.head('b')).toMatchObject({ deleted: expect.any(Date) })
    const counted = await eventually(
      () => 'the counts',
      async () => {
        const [old] = (await status()) as [Record<string, unknown>]
        return old['accepted'] === 4 && old['tombstoned'] === 1 ? old : null
      },
    )
    expect(counted).toMatchObject({
      backend: 'old',
      ignored: 1,
      copied: 3,
      conflicts: 0,
      unchanged: 0,
      failed: 0,
    })
    expect(counted['lag_seconds']).toMatchObject({ last: expect.any(Number), p95: expect.any(Number) })
    for (const key of ['last_event', 'last_received', 'last_handled'])
      expect(Date.now() - Date.parse(String(counted[key]))).toBeLessThan(60_000)
  })

  it('is not from the future, whatever its sender says', async () => {
    const { post, status } = start()
    await post(s3Records('ObjectCreated:Put', 'a', { eventTime: '2999-01-01T00:00:00.000Z' }))
    const last = await eventually(
      () => 'the event',
      async () => ((await status()) as { last_event: string | null }[])[0]?.last_event ?? null,
    )
    expect(Date.parse(last)).toBeLessThanOrEqual(Date.now())
  })

  it('never changes what was saved here', async () => {
    const { objects, post, deliver, call } = start()
    await call('/a', { method: 'PUT', body: 'saved' })
    objects.set('a', 'at the source')
    await post(put('a'))
    await deliver()
    expect(await stored('a')).toBe('saved')
    objects.delete('a')
    await post(put('a'))
    await deliver()
    expect(await stored('a')).toBe('saved')
  })

  it('ends with both sides equal, however events are ordered, repeated and delayed', async () => {
    const { objects, post, deliver, sent } = start()
    const names = ['a', 'b', 'c', 'd']
    for (let round = 0; round < 5; round++) {
      for (const [index, name] of names.entries()) {
        if ((index + round) % 3 === 2) objects.delete(name)
        else objects.set(name, `${name} in round ${round}`)
        await post(put(name))
      }
      // Those of earlier rounds come after newer ones, some twice.
      const all = sent.splice(0)
      const [now, later] = [
        all.filter((_, index) => index % 2 === 0),
        all.filter((_, index) => index % 2 === 1),
      ]
      await deliver(shuffled([...now, ...now], round))
      sent.push(...later)
    }
    await deliver(shuffled(sent.splice(0), 9))
    for (const name of names)
      expect([name, (await media.head(name))?.deleted ? null : await stored(name)]).toEqual([
        name,
        objects.get(name) ?? null,
      ])
  })

  it('is handled at once where no queue is bound, unless too many come', async () => {
    const { objects, post } = start({ COPY_QUEUE: undefined })
    objects.set('a', 'one')
    expect((await post(put('a'))).status).toBe(202)
    await eventually(
      () => 'the copy',
      async () => (await stored('a')) === 'one' || null,
    )
    const many = { Records: Array.from({ length: 21 }, (_, index) => put(`${index}`).Records[0]) }
    expect(await post(many)).toMatchObject({
      status: 503,
      body: { detail: expect.stringContaining('COPY_QUEUE') },
    })
  })

  it('is counted as failed if it fails where no queue is bound, and nothing else tells', async () => {
    const own = { COPY_QUEUE: undefined, BACKFILL_JOBS: undefined, OLD: BROKEN_ORIGIN }
    const { post, status } = start(own)
    expect((await post(put('a'))).status).toBe(202)
    const failed = async () => ((await status()) as [{ failed: number }])[0].failed === 1 || null
    await eventually(() => 'the count', failed)
  })

  it('is not kept where SOURCE_CHANGES is not bound, and is handled all the same', async () => {
    const { objects, post, deliver, json } = start({ SOURCE_CHANGES: undefined })
    objects.set('a', 'one')
    expect((await post(put('a'))).status).toBe(202)
    await deliver()
    expect(await stored('a')).toBe('one')
    expect(await json('/-/api/events')).toMatchObject({
      status: 501,
      body: { detail: expect.stringContaining('SOURCE_CHANGES') },
    })
  })
})

describe('a message of SNS', () => {
  afterEach(() => vi.unstubAllGlobals())

  it('has its events taken if it is signed', async () => {
    vi.stubGlobal('fetch', fakeSns().fetch)
    const { post, sent } = start()
    expect(await post(await signed(NOTIFICATION, '2'))).toEqual({
      status: 202,
      body: { accepted: 1, ignored: 0 },
    })
    expect(sent).toMatchObject([{ body: { name: 'HappyFace.jpg' } }])
  })

  it('is refused if it is forged, and nothing happens', async () => {
    const { fetch, urls } = fakeSns()
    vi.stubGlobal('fetch', fetch)
    const { post, sent, status } = start()
    const good = await signed(NOTIFICATION)
    const confirmation = await signed(CONFIRMATION)
    for (const message of [
      NOTIFICATION,
      { ...good, Message: JSON.stringify(put('forged')) },
      { ...good, SigningCertURL: 'https://evil.example/SimpleNotificationService-f.pem' },
      { ...confirmation, SubscribeURL: `${confirmation.SubscribeURL}x` },
    ])
      expect(await post(message)).toMatchObject({ status: 403, body: { title: 'Forbidden' } })
    expect(sent).toEqual([])
    expect(urls.filter((url) => !url.endsWith('.pem'))).toEqual([])
    expect(await status()).toMatchObject([{ last_received: null, accepted: 0 }])
  })

  it('is confirmed with the secret or a token only', async () => {
    const { fetch, urls } = fakeSns()
    vi.stubGlobal('fetch', fetch)
    const { post } = start()
    const message = await signed(CONFIRMATION)
    expect((await post(message, { token: null })).status).toBe(401)
    expect((await post(message, { token: null }, `${PATH}?secret=wrong`)).status).toBe(401)
    expect(urls).toEqual([])
    expect(await post(message, { token: null }, `${PATH}?secret=${SECRET}`)).toMatchObject({ status: 202 })
    expect(urls).toContain(CONFIRMATION.SubscribeURL)
  })

  it('does not bring a subscription back that was ended', async () => {
    const { fetch, urls } = fakeSns()
    vi.stubGlobal('fetch', fetch)
    const { post } = start()
    expect(await post(await signed(GOODBYE))).toMatchObject({ status: 202 })
    expect(urls).not.toContain(GOODBYE.SubscribeURL)
  })

  it('is repeated by SNS if its certificate cannot be fetched', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new Error('no route')))
    const { post, sent } = start()
    expect((await post(await signed(NOTIFICATION))).status).toBe(502)
    expect(sent).toEqual([])
  })

  it('is wrong if it contains no event', async () => {
    vi.stubGlobal('fetch', fakeSns().fetch)
    const { post } = start()
    expect((await post(await signed({ ...NOTIFICATION, Message: 'hello' }))).status).toBe(400)
  })
})

describe("R2's notifications", () => {
  const notification = (bucket: string, key: string) => ({
    account: '3f4b7e3dcab231cbfdaa90a6a28bd548',
    action: 'PutObject',
    bucket,
    object: { key, size: 1, eTag: 'x' },
    eventTime: new Date().toISOString(),
  })

  /** Another binding of the bucket in place of another bucket. */
  const storages = [
    R2,
    { type: 'r2', binding: 'OTHER', name: 'photos', bucket: 'legacy', prefix: 'photos/' },
    { type: 'r2', binding: 'OTHER', name: 'all', bucket: 'legacy', prefix: 'x/' },
    OLD,
  ]

  async function deliver(own: object, bodies: unknown[]) {
    const batch = createMessageBatch(
      'my-source-events',
      bodies.map((body, index) => ({ id: `${index}`, timestamp: new Date(), attempts: 1, body })),
    )
    const ctx = createExecutionContext()
    const settings = { FALLBACK_STORAGES: storages, OTHER: env.MEDIA, OLD: answering(() => new Response()) }
    await worker.queue(
      batch as Parameters<typeof worker.queue>[0],
      { ...env, ...settings, ...own } as unknown as Env,
    )
    return getQueueResult(batch, ctx)
  }

  it('are queued for the backends with that bucket and prefix, and others left out', async () => {
    const sent: { body: SourceMessage }[] = []
    const queue = {
      send: async () => {},
      sendBatch: async (messages: typeof sent) => void sent.push(...messages),
    }
    const bodies = [
      notification('legacy', 'photos/a+b.jpg'),
      notification('another', 'photos/a.jpg'),
      { nothing: 1 },
    ]
    const { explicitAcks, retryMessages } = await deliver({ COPY_QUEUE: queue }, bodies)
    expect(explicitAcks).toEqual(['0', '1', '2'])
    expect(retryMessages).toEqual([])
    expect(sent.map(({ body: { backend, name } }) => [backend, name])).toEqual([['photos', 'a+b.jpg']])
  })

  it('are delivered again if they cannot be queued', async () => {
    const queue = { send: async () => {}, sendBatch: () => Promise.reject(new Error('full')) }
    const { explicitAcks, retryMessages } = await deliver({ COPY_QUEUE: queue }, [
      notification('legacy', 'photos/a'),
    ])
    expect([explicitAcks, retryMessages.map(({ msgId }) => msgId)]).toEqual([[], ['0']])
  })
})
