import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import { answering, bucketWith, fill, KV, media, mediaKv, OLD, R2, startApp, TOKEN } from '../kit/app.ts'
import { textOf } from '../kit/fakes.ts'

afterEach(() => reset())

type App = ReturnType<typeof startApp>

async function migrate({ post }: App, names: string[]): Promise<unknown> {
  return (await post('migrate', { names })).body['results']
}

describe('POST /-/api/migrate', () => {
  it.each([true, false])('copies names now, with FALLBACK_DATA_MIGRATION = %s', async (migrating) => {
    await fill(media, { moved: 'in the primary' })
    await fill(mediaKv, { old: 'in the fallback', deleted: 'x' })
    const app = startApp({ FALLBACK_DATA_MIGRATION: migrating })
    await app.remove('deleted')
    expect(await migrate(app, ['old', 'moved', 'none', 'deleted', 'old'])).toEqual([
      { name: 'old', outcome: 'copied' },
      { name: 'moved', outcome: 'present' },
      { name: 'none', outcome: 'absent' },
      { name: 'deleted', outcome: 'absent' },
    ])
    expect(await textOf(await media.get('old'))).toBe('in the fallback')
    expect((await media.head('old'))?.provenance?.backend).toBe('media_kv')
    expect(await migrate(app, ['old'])).toEqual([{ name: 'old', outcome: 'present' }])
    expect(await app.get('explain/old')).toMatchObject({ migration: { state: 'present' } })
  })

  it('reports the failure of one name, and copies the others', async () => {
    const origin = answering(({ url }) =>
      url.endsWith('/broken')
        ? new Response(null, { status: 503 })
        : new Response('bytes', { headers: { ETag: '"1"' } }),
    )
    const app = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: origin })
    expect(await migrate(app, ['a', 'broken', 'b/../c', 'd'])).toEqual([
      { name: 'a', outcome: 'copied' },
      { name: 'broken', outcome: 'failed', error: 'unavailable', detail: expect.stringMatching(/^old: /) },
      { name: 'b/../c', outcome: 'failed', error: 'invalid', detail: expect.stringContaining('segment') },
      { name: 'd', outcome: 'copied' },
    ])
    expect(await textOf(await media.get('d'))).toBe('bytes')
    expect((await app.get('explain/broken'))['migration']).toMatchObject({
      last_copy: { outcome: 'failed' },
    })
  })

  it('copies nothing if the primary cannot say whether it has the name', async () => {
    await fill(mediaKv, { old: 'x' })
    const app = startApp({
      MEDIA: bucketWith({ head: () => Promise.reject(new Error('internal error (10001)')) }),
    })
    const detail = 'media could not say whether it has the name'
    expect(await migrate(app, ['old'])).toEqual([
      { name: 'old', outcome: 'failed', error: 'unavailable', detail },
    ])
    expect(await media.head('old')).toBeNull()
  })

  it('says that a name is not accepted rather than that it is present', async () => {
    await fill(mediaKv, { 'a.txt': 'x' })
    const app = startApp({ FALLBACK_STORAGES: [{ ...R2, include: ['\\.jpg$'] }, KV] })
    expect(await migrate(app, ['a.txt'])).toEqual([
      {
        name: 'a.txt',
        outcome: 'failed',
        error: 'unsupported',
        detail: 'no backend before media_kv accepts copies of it',
      },
    ])
  })

  it('copies objects whose sizes are unknown, and at most five at once', async () => {
    let open = 0
    let most = 0
    const origin = answering(async ({ method }) => {
      if (method === 'HEAD') return new Response(null, { headers: { ETag: '"1"' } })
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            most = Math.max(most, ++open)
            await scheduler.wait(20)
            open--
            controller.enqueue(new Uint8Array(1000))
            controller.close()
          },
        },
        { highWaterMark: 0 },
      )
      return new Response(body, { headers: { ETag: '"1"' } })
    })
    const app = startApp({ FALLBACK_STORAGES: [R2, OLD], OLD: origin })
    const names = Array.from({ length: 8 }, (_, index) => `unknown/${index}`)
    expect(await migrate(app, names)).toEqual(names.map((name) => ({ name, outcome: 'copied' })))
    expect((await media.head('unknown/7'))?.size).toBe(1000)
    expect(most).toBeGreaterThan(1)
    expect(most).toBeLessThanOrEqual(5)
  })

  it('brings a name in line whose event was given up, and ends its dead letter', async () => {
    await fill(mediaKv, { replaced: 'old', deleted: 'old', moved: 'x', broken: 'old' })
    const app = startApp()
    await migrate(app, ['replaced', 'deleted', 'broken'])
    await fill(mediaKv, { replaced: 'the new version' })
    await mediaKv.delete?.('deleted')
    const failure = { error: 'timeout', detail: 'did not answer', attempts: 6 }
    const add = (name: string, source?: string) =>
      env.JOB_INDEX.getByName('index').addDeadLetter({ ...failure, name, ...(source && { source }) })
    await add('moved')
    for (const name of ['replaced', 'deleted', 'broken']) await add(name, 'media_kv')
    await add('gone', 'a-backend-that-was-removed')
    const details = async () => {
      const { dead_copies: letters } = await app.get('dead_copies')
      return (letters as { name: string; detail: string }[]).map(({ name, detail }) => `${name}: ${detail}`)
    }
    expect(await details()).toContain('replaced: event of media_kv: did not answer')
    expect(await migrate(app, ['moved', 'replaced', 'deleted', 'gone', 'b/../c'])).toMatchObject([
      { name: 'moved', outcome: 'copied' },
      { name: 'replaced', outcome: 'copied' },
      { name: 'deleted', outcome: 'absent' },
      { name: 'gone', outcome: 'absent' },
      { name: 'b/../c', outcome: 'failed' },
    ])
    expect(await textOf(await media.get('replaced'))).toBe('the new version')
    expect(await media.head('deleted')).toMatchObject({ deleted: expect.anything() })
    const broken = startApp({
      MEDIA: bucketWith({ head: () => Promise.reject(new Error('internal error (10001)')) }),
    })
    expect(await migrate(broken, ['broken'])).toMatchObject([{ outcome: 'failed' }])
    expect(await details()).toEqual(['broken: event of media_kv: did not answer'])
    expect(await migrate(app, ['broken'])).toEqual([{ name: 'broken', outcome: 'present' }])
    expect(await details()).toEqual([])
  })

  it('ends no dead letter that was added while it copied', async () => {
    const index = env.JOB_INDEX.getByName('index')
    const failure = { error: 'timeout', detail: 'did not answer', attempts: 6 }
    await index.addDeadLetter({ ...failure, name: 'again' })
    await index.addDeadLetter({ ...failure, name: 'handled' })
    await scheduler.wait(5)
    await fill(mediaKv, { again: 'x', handled: 'x' })
    const head = async (name: string) => {
      if (name === 'again') await index.addDeadLetter({ ...failure, name })
      return env.MEDIA.head(name)
    }
    const results = await migrate(startApp({ MEDIA: bucketWith({ head }) }), ['again', 'handled'])
    expect(results).toMatchObject([{ outcome: 'copied' }, { outcome: 'copied' }])
    expect((await index.deadLetters(10)).letters).toMatchObject([{ name: 'again' }])
  })

  it('refuses no names, too many, and names outside of the prefix of a token', async () => {
    await fill(mediaKv, { 'team/a': 'x', other: 'x' })
    const tokens = [{ name: 'team', token: 'token-of-the-team', scopes: ['write'], prefix: 'team/' }]
    const app = startApp({ API_TOKENS: JSON.stringify(tokens) })
    const status = async (names: string[], token = TOKEN): Promise<number> => {
      const init = { method: 'POST', body: JSON.stringify({ names }), token }
      return (await app.call('/-/api/migrate', init)).status
    }
    expect(await status([])).toBe(400)
    expect(await status(Array.from({ length: 101 }, (_, index) => `${index}`))).toBe(400)
    expect(await status(['team/a', 'other'], 'token-of-the-team')).toBe(403)
    expect((await env.MEDIA.list()).objects).toEqual([])
    expect(await status(['team/a'], 'token-of-the-team')).toBe(200)
    expect((await env.MEDIA.list()).objects).toMatchObject([{ key: 'team/a' }])
  })
})
