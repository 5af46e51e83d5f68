import { reset } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { afterEach, describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import { withStaging } from '../../src/wrappers/staging.ts'
import { undelete } from '../../src/chain/tombstones.ts'
import { putObject } from '../../src/methods/put-object.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { verified, withBackfill } from '../jobs/jobs.ts'
import { fill, media, mediaKv, startApp } from '../kit/app.ts'
import { bytesOf, textOf } from '../kit/fakes.ts'

afterEach(() => reset())

const STAGED = '-/staged/left-by-a-kill'
const left = (): never => {
  throw new Error('nothing is staged here')
}

/** A chain that was killed while something was staged in both of its backends. */
async function killed() {
  await fill(mediaKv, { a: 'one', b: 'two' })
  await env.MEDIA.put(STAGED, 'parts')
  await env.MEDIA_KV.put(STAGED, 'parts')
  return [withStaging(media, left), withStaging(mediaKv, left)] as const
}

describe('staged objects', () => {
  it('is neither copied nor compared', async () => {
    const backends = await killed()
    await withBackfill(backends, {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({ state: 'completed', listed: 2, copied: 2, failed: 0 })
    })
    expect(await verified(backends)).toMatchObject({ compared: 2, equal: 2, extra: 0, all: [] })
  })

  it('is in no listing, and cannot be requested', async () => {
    await killed()
    const { call, json } = startApp()
    const listed = (await json('/-/api/list')).body['objects'] as { name: string }[]
    expect(listed.map(({ name }) => name)).toEqual(['a', 'b'])
    expect((await json('/-/api/listdir')).body).toMatchObject({ directories: [], files: ['a', 'b'] })
    expect((await call(`/${STAGED}`)).status).not.toBe(200)
    expect((await call(`/-/api/open/${STAGED}`)).status).toBe(400)
    expect((await call(`/-/api/explain/${STAGED}`)).status).toBe(400)
  })
})

describe('a tombstone that was lifted', () => {
  async function lifted() {
    await fill(mediaKv, { a: 'one' })
    const app = startApp()
    await app.remove('a')
    await undelete(app.chain, 'a')
    return app
  }

  it('counts as absent in every operation', async () => {
    const { call, json } = await lifted()
    expect(await (await call('/a')).text()).toBe('one')
    expect((await json('/-/api/size/a')).body).toMatchObject({ size: 3 })
    expect((await json('/-/api/explain/a')).body).toMatchObject({
      would_serve: 'media_kv',
      tombstone: null,
      backends: [{ result: 'absent' }, { result: 'hit' }],
    })
    expect((await json('/-/api/list')).body).toMatchObject({ objects: [{ name: 'a', backend: 'media_kv' }] })
    expect((await json('/-/api/tombstones')).body).toMatchObject({ tombstones: [] })
    expect((await json('/-/api/get_available_name/a')).body).toMatchObject({ available_name: 'a' })
  })

  it('is replaced by a backfill, and counts as missing in a verification until then', async () => {
    await lifted()
    const backends = [media, mediaKv] as const
    expect(await verified(backends)).toMatchObject({
      missing: 1,
      tombstoned: 0,
      safe_to_detach: false,
    })
    await withBackfill(backends, {}, async ({ drive }) => {
      expect(await drive()).toMatchObject({ listed: 1, copied: 1 })
    })
    expect(await textOf(await media.get('a'))).toBe('one')
    expect(await verified(backends)).toMatchObject({ missing: 0, equal: 1 })
  })

  it('is removed by a purge, even if a fallback has the name', async () => {
    const { json } = await lifted()
    expect((await json('/-/api/tombstones/purge', { method: 'POST' })).body).toMatchObject({
      purged: 1,
      kept: 0,
    })
    expect((await env.MEDIA.list()).objects).toEqual([])
  })
})

it('a PUT that is too large for the first backend does not remove an object saved there at the same time', async () => {
  const first = { ...memoryBackend('first'), maxSize: 10 }
  const second = memoryBackend('second')
  const racing = {
    ...second,
    async put(...args: Parameters<typeof second.put>) {
      const stored = await second.put(...args)
      // Acknowledged after the large one was stored, and before objects that would hide it are removed.
      await first.put('a', bytesOf('newer'))
      return stored
    },
  }
  await first.put('a', bytesOf('older'))
  const chain = createChain([{ ...first, head: seenBefore(first) }, racing], { deletes: 'tombstone' })
  await putObject(chain, 'a', new Uint8Array(20))
  expect(await textOf(await first.get('a'))).toBe('newer')
})

/** Returns the first state: the newer object is stored right after that. */
function seenBefore(backend: ReturnType<typeof memoryBackend>) {
  const seen = backend.head('a')
  return () => seen
}
