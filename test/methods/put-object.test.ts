import { reset } from 'cloudflare:test'
import { afterEach, describe, expect, it } from 'vitest'
import { type Chain, createChain } from '../../src/chain/fallback.ts'
import { putObject } from '../../src/methods/put-object.ts'
import { save } from '../../src/methods/save.ts'
import { copyName } from '../../src/migration/copy-name.ts'
import type { ObjectInfo } from '../../src/storage/object.ts'
import { answering, BROKEN_ORIGIN, EMPTY_ORIGIN, media, OLD, R2 } from '../kit/app.ts'
import { BUCKET, startS3 } from '../kit/s3-client.ts'
import { memoryBackend } from '../kit/memory.ts'
import { codeOf } from '../s3-api/uploads.ts'

const MIB = 1024 * 1024

afterEach(() => reset())

/** R2 behind an old server, whose objects are the ones that are read. */
const behind = (origin: { fetch: unknown }) => startS3({ FALLBACK_STORAGES: [OLD, R2], OLD: origin })

describe('a body of unknown length, where the first backend has a size limit', () => {
  function limited() {
    const first = { ...memoryBackend('first'), maxSize: 10 * MIB }
    const second = memoryBackend('second')
    const old = memoryBackend('old')
    return { first, second, old, chain: createChain([first, second, old], { deletes: 'tombstone' }) }
  }
  const streamOf = (bytes: number) => new Blob([new Uint8Array(bytes)]).stream()

  it.each([
    ['PUT', (chain: Chain, body: ReadableStream<Uint8Array>) => putObject(chain, 'a', body)],
    ['save', (chain: Chain, body: ReadableStream<Uint8Array>) => save(chain, 'a', body)],
  ])('goes to the next one by %s if it is large', async (_, store) => {
    const { first, second, chain } = limited()
    await store(chain, streamOf(12 * MIB))
    expect([first.objects.size, second.objects.get('a')?.bytes.length]).toEqual([0, 12 * MIB])
  })

  it.each([
    ['PUT', (chain: Chain, body: ReadableStream<Uint8Array>) => putObject(chain, 'a', body)],
    ['save', (chain: Chain, body: ReadableStream<Uint8Array>) => save(chain, 'a', body)],
  ])('goes to the first by %s if it is small', async (_, store) => {
    const { first, chain } = limited()
    await store(chain, streamOf(100))
    expect(first.objects.get('a')?.bytes).toHaveLength(100)
  })

  it('is copied to the next one', async () => {
    const { second, old, chain } = limited()
    await old.put('a', new Uint8Array(12 * MIB))
    const unknown = <T extends ObjectInfo>(found: T | null) => found && { ...found, size: undefined }
    const source = {
      ...old,
      head: async (name: string) => unknown(await old.head(name)),
      get: async (name: string) => unknown(await old.get(name)),
    }
    const sources = createChain([...chain.backends.slice(0, 2), source], { deletes: 'tombstone' })
    expect(await copyName(sources, 'a')).toMatchObject({ outcome: 'copied' })
    expect(second.objects.get('a')?.bytes).toHaveLength(12 * MIB)
  })
})

describe('a PUT behind a read-only backend', () => {
  const HOLDING = answering(() => new Response('old'))

  it('is refused if that has the name, since the new object would never be read', async () => {
    const { call, s3 } = behind(HOLDING)
    const answer = await call('/a', { method: 'PUT', body: 'new' })
    expect(answer.status).toBe(501)
    expect(await answer.json()).toMatchObject({ detail: expect.stringContaining('"old"') as string })
    expect(await codeOf(s3('PUT', `/${BUCKET}/a`, { body: 'new' }))).toBe('NotImplemented')
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
