import { env } from 'cloudflare:workers'
import { reset } from 'cloudflare:test'
import { beforeEach, describe, expect, it } from 'vitest'
import { kvBackend } from '../../src/backends/kv/kv.ts'
import { r2Backend } from '../../src/backends/r2/r2.ts'
import { createChain, type DeleteMode } from '../../src/chain/fallback.ts'
import { undelete } from '../../src/chain/tombstones.ts'
import { deleteObjectIf } from '../../src/methods/methods.ts'
import { putObject } from '../../src/methods/put-object.ts'
import { save } from '../../src/methods/save.ts'
import { withHiddenVersions } from '../../src/prior-versions/hide.ts'
import { withPriorVersions } from '../../src/prior-versions/keep.ts'
import { restoreVersion } from '../../src/prior-versions/restore.ts'
import { reconcile } from '../../src/sources/reconcile.ts'
import { type Backend, isWritable, type PutOptions, type WritableBackend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { timeOfPriorKey } from '../../src/storage/prior-version.ts'
import { conditionOn, writeMarker } from '../../src/storage/tombstone-marker.ts'
import { withPrefix } from '../../src/wrappers/prefix.ts'
import { withStaging } from '../../src/wrappers/staging.ts'
import { bytesOf, steppedBody, textOf } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import { createRandom } from '../kit/random.ts'
import { fakeS3 } from '../kit/s3-fake.ts'
import { indexInMemory } from './index-in-memory.ts'

beforeEach(() => reset())

const STORES: Record<string, () => Backend> = {
  R2: () => r2Backend('primary', env.MEDIA),
  'R2 with a prefix': () => withPrefix(r2Backend('primary', env.MEDIA), 'site/'),
  KV: () => kvBackend('primary', env.MEDIA_KV),
  S3: () => fakeS3().backend,
  memory: () => memoryBackend('primary'),
}

function writable(backend: Backend): WritableBackend {
  if (!isWritable(backend)) throw new Error(`${backend.name} is not writable`)
  return backend
}

/** A primary that keeps versions, a chain over it and a fallback, and what is in the trash. */
function start(store: Backend, deletes: DeleteMode = 'tombstone') {
  const { index, rows } = indexInMemory()
  const staged = withStaging(store, () => {})
  const keeping = writable(withPriorVersions(staged, () => index))
  const fallback = memoryBackend('fallback')
  const chain = createChain([withHiddenVersions(keeping), fallback], { deletes })
  const alone = createChain([withHiddenVersions(keeping)], { deletes })
  const trash = async (): Promise<string[]> => {
    const page = await store.list?.({ prefix: '.trash/' })
    const objects = page?.objects ?? []
    return Promise.all(objects.map(async ({ name }) => `${await textOf(await store.get(name))}`))
  }
  return { store: writable(store), keeping, fallback, chain, alone, trash, rows, index }
}

type Started = ReturnType<typeof start>

function stream(text: string): ReadableStream<Uint8Array> {
  const { body, next, end } = steppedBody()
  next(text)
  end()
  return body
}

const copied = { provenance: { backend: 'fallback', copied: new Date() } }

/** Each kind of write over the object `old`, and what it leaves in the trash. */
const WRITES: Record<string, [(started: Started) => Promise<unknown>, string[]]> = {
  'PUT of bytes': [({ chain }) => putObject(chain, 'a.txt', bytesOf('new')), ['old']],
  'PUT of a stream': [({ chain }) => putObject(chain, 'a.txt', stream('new'), { size: 3 }), ['old']],
  'PUT of unknown length': [({ chain }) => putObject(chain, 'a.txt', stream('new')), ['old']],
  'PUT with a condition that holds': [
    ({ chain }) => putObject(chain, 'a.txt', bytesOf('new'), { allows: (current) => current !== null }),
    ['old'],
  ],
  'PUT with a condition that does not hold': [
    ({ chain }) => putObject(chain, 'a.txt', bytesOf('new'), { allows: () => false }).catch(() => {}),
    [],
  ],
  'PUT with a wrong digest': [
    ({ chain }) =>
      putObject(chain, 'a.txt', bytesOf('new'), { digests: { md5: '0'.repeat(32) } }).catch(() => {}),
    [],
  ],
  'two PUTs': [
    async ({ chain }) => {
      await putObject(chain, 'a.txt', bytesOf('new'))
      await putObject(chain, 'a.txt', bytesOf('newer'))
    },
    ['old', 'new'],
  ],
  save: [({ chain }) => save(chain, 'a.txt', bytesOf('new')), []],
  DELETE: [({ chain }) => chain.delete('a.txt'), ['old']],
  'DELETE with a condition': [({ chain }) => deleteObjectIf(chain, 'a.txt', () => true), ['old']],
  'DELETE, and again': [
    async ({ chain }) => {
      await chain.delete('a.txt')
      await chain.delete('a.txt')
    },
    ['old'],
  ],
  'DELETE without fallbacks': [({ alone }) => alone.delete('a.txt'), ['old']],
  'DELETE and PUT': [
    async ({ chain }) => {
      await chain.delete('a.txt')
      await putObject(chain, 'a.txt', bytesOf('new'))
    },
    ['old'],
  ],
  'DELETE and undelete': [
    async ({ chain }) => {
      await chain.delete('a.txt')
      await undelete(chain, 'a.txt')
    },
    ['old'],
  ],
  'a copy that replaces a copy': [
    ({ keeping }) => keeping.put('a.txt', bytesOf('new'), { info: copied }),
    [],
  ],
  'an event, after the object of a copy was deleted at its source': [
    async ({ store, chain }) => {
      await store.put('a.txt', bytesOf('old'), { info: copied })
      expect(await reconcile(chain, 'fallback', 'a.txt', { migrating: true })).toMatchObject({
        outcome: 'tombstoned',
      })
    },
    ['old'],
  ],
  'PUT of another name': [({ chain }) => putObject(chain, 'b.txt', bytesOf('new')), []],
}

describe.each(Object.entries(STORES))('%s keeps what is there', (_, open) => {
  it.each(Object.entries(WRITES))('before a write: %s', async (_name, [write, expected]) => {
    const started = start(open())
    await started.store.put('a.txt', bytesOf('old'))
    await write(started)
    expect((await started.trash()).toSorted()).toEqual(expected.toSorted())
    expect(started.rows.map(({ name }) => name)).toEqual(expected.map(() => 'a.txt'))
  })
})

describe('a version that is kept', () => {
  it('keeps its metadata, validators and provenance, and says when and why it was replaced', async () => {
    const { store, chain, rows } = start(r2Backend('primary', env.MEDIA))
    const info = {
      contentType: 'text/plain',
      cacheControl: 'max-age=5',
      metadata: { by: 'someone' },
      etag: '"of-the-source"',
      modified: new Date('2020-01-02T03:04:05Z'),
      provenance: { backend: 'fallback', etag: '"of-the-source"', copied: new Date(1e12) },
    }
    await store.put('a.txt', bytesOf('old'), { info })
    const before = Date.now()
    await chain.delete('a.txt')
    const [row] = rows
    expect(row).toMatchObject({ name: 'a.txt', reason: 'deleted', size: 3, etag: '"of-the-source"' })
    expect(row?.time).toBeGreaterThanOrEqual(before)
    expect(row?.key).toMatch(/^\.trash\/20\d\d-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z\/a\.txt$/)
    expect(timeOfPriorKey(row?.key ?? '')).toBe(row?.time)
    expect(await store.head(row?.key ?? '')).toMatchObject(info)
  })

  it.each([
    ['R2', 1024, () => r2Backend('primary', env.MEDIA)],
    ['KV', 512, () => kvBackend('primary', env.MEDIA_KV)],
  ])('has a shortened key in %s if its name is too long for one', async (_, bytes, open) => {
    const { chain, store, rows, trash } = start(open())
    const name = `${'ä'.repeat(10)}${'x'.repeat(bytes - 20)}`
    await store.put(name, bytesOf('old'))
    await chain.delete(name)
    expect(await trash()).toEqual(['old'])
    expect(rows[0]?.name).toBe(name)
    expect(rows[0]?.key).toMatch(/Z\/ä{10}x+~[0-9a-f]{32}$/)
  })

  it('fits into KV even if its metadata only just did', async () => {
    const { chain, store, trash } = start(kvBackend('primary', env.MEDIA_KV))
    await store.put('a.txt', bytesOf('old'), { info: { metadata: { by: 'x'.repeat(800) } } })
    await chain.delete('a.txt')
    expect(await trash()).toEqual(['old'])
  })

  it('is copied in parts if it is too large for one put', async () => {
    const memory = memoryBackend('primary', { minPartSize: 1 })
    const { chain, trash } = start({ ...memory, maxPutSize: 5 })
    await memory.put('a.txt', bytesOf('a large one'))
    await putObject(chain, 'a.txt', bytesOf('new'))
    expect(await trash()).toEqual(['a large one'])
    expect(memory.uploads.size).toBe(0)
  })

  it('is restored in parts if it is too large for one put, and what that replaces is kept as well', async () => {
    const memory = memoryBackend('primary', { minPartSize: 1 })
    const { keeping, chain, trash, index } = start({ ...memory, maxPutSize: 5 })
    await memory.put('a.txt', bytesOf('a large one'))
    await putObject(chain, 'a.txt', bytesOf('new'))
    const versions = { backends: [keeping], index: () => index }
    await restoreVersion(versions, chain, { name: 'a.txt', time: undefined })
    expect(await textOf(await chain.get('a.txt'))).toBe('a large one')
    expect((await trash()).toSorted()).toEqual(['a large one', 'new'])
  })

  it('gets a key of its own in the same millisecond', async () => {
    const { chain, trash } = start(memoryBackend('primary'))
    const texts = Array.from({ length: 20 }, (_, index) => `${index}`)
    for (const text of [...texts, 'last']) await putObject(chain, 'a.txt', bytesOf(text))
    expect((await trash()).toSorted()).toEqual(texts.toSorted())
  })
})

/** A memory backend in which `before` runs before the next `put` of the name. */
function racing(before: (memory: ReturnType<typeof memoryBackend>) => Promise<unknown>) {
  const memory = memoryBackend('primary')
  let isPending = true
  const put: WritableBackend['put'] = async (name, body, options) => {
    if (isPending && name === 'a.txt') {
      isPending = false
      await before(memory)
    }
    return memory.put(name, body, options)
  }
  return { memory, backend: { ...memory, put } }
}

/** A memory backend whose operations take effect after some turns, in random order. */
function slow(random: () => number) {
  const memory = memoryBackend('primary')
  const later = async (): Promise<void> => {
    for (let turns = Math.floor(random() * 40); turns > 0; turns--) await Promise.resolve()
  }
  const backend: Backend = {
    ...memory,
    get: async (...args) => (await later(), memory.get(...args)),
    head: async (...args) => (await later(), memory.head(...args)),
    put: async (...args) => (await later(), memory.put(...args)),
    delete: async (...args) => (await later(), memory.delete(...args)),
  }
  return { memory, backend }
}

async function sha256(text: string): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytesOf(text))).toHex()
}

describe('concurrent writes', () => {
  it.each([
    ['a PUT', (options?: PutOptions) => ({ text: 'between', options })],
    ['a copy', () => ({ text: 'between', options: { info: copied } })],
  ])('keep what %s has stored right before the write', async (_, write) => {
    const { text, options } = write()
    const { memory, backend } = racing((store) => store.put('a.txt', bytesOf(text), options))
    const { chain, trash } = start(backend)
    await memory.put('a.txt', bytesOf('old'))
    await putObject(chain, 'a.txt', bytesOf('new'))
    // The write in between is not behind the wrapper here, so nothing else has kept what it replaced.
    expect(await trash()).toEqual(['between'])
    expect(await textOf(await chain.get('a.txt'))).toBe('new')
  })

  it('keep what a PUT has stored right before a DELETE', async () => {
    const { backend } = racing((store) => store.put('a.txt', bytesOf('between')))
    const { chain, trash } = start(backend)
    await chain.delete('a.txt')
    expect(await trash()).toEqual(['between'])
    expect(await chain.get('a.txt')).toBeNull()
  })

  it('keep every version but the last', async () => {
    const memory = memoryBackend('primary')
    const { chain, trash } = start(memory)
    const texts = Array.from({ length: 4 }, (_, index) => `${index}`)
    const outcomes = await Promise.allSettled(texts.map((text) => putObject(chain, 'a.txt', bytesOf(text))))
    const acknowledged = texts.filter((_, index) => outcomes[index]?.status === 'fulfilled')
    const present = `${await textOf(await memory.get('a.txt'))}`
    expect(acknowledged.length).toBeGreaterThan(0)
    expect([...(await trash()), present].toSorted()).toEqual(acknowledged)
  })

  it('lose nothing that was acknowledged, in any order', async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = createRandom(seed).next
      const { backend, memory } = slow(random)
      const { chain, trash } = start(backend)
      const texts = Array.from({ length: 6 }, (_, index) => `${index}`)
      const outcomes = await Promise.allSettled(
        texts.flatMap((text) => [
          putObject(chain, 'a.txt', bytesOf(text)),
          ...(random() < 0.4 ? [chain.delete('a.txt')] : []),
        ]),
      )
      const stored = outcomes.flatMap((outcome) =>
        outcome.status === 'fulfilled' && outcome.value ? [outcome.value.info] : [],
      )
      const present = await textOf(await memory.get('a.txt'))
      const found = new Set([...(await trash()), present])
      const digests = await Promise.all([...found].map((text) => sha256(text ?? '')))
      const lost = stored.filter(({ digests: own }) => !digests.includes(own?.sha256 ?? ''))
      expect(lost, `seed ${seed}`).toEqual([])
    }
  })

  it('refuse the later one of two bodies that cannot be sent again, and replace nothing', async () => {
    const { memory, backend } = racing((store) => store.put('a.txt', bytesOf('between')))
    const { chain, trash } = start(backend)
    await memory.put('a.txt', bytesOf('old'))
    const large = new Uint8Array(9 * 1024 * 1024)
    const body = new Blob([large]).stream() as ReadableStream<Uint8Array>
    const put = putObject(chain, 'a.txt', body, { size: large.length })
    await expect(put).rejects.toMatchObject({ code: 'too-many-writes', retryAfter: 1000 })
    expect(await textOf(await memory.get('a.txt'))).toBe('between')
    expect(await trash()).toEqual([])
  })

  it('refuse an upload of unknown length that comes too late, and leave nothing of it', async () => {
    const { memory, backend } = racing((store) => store.put('a.txt', bytesOf('between')))
    const { chain, trash } = start(backend)
    await memory.put('a.txt', bytesOf('old'))
    const body = new Blob([new Uint8Array(9 * 1024 * 1024)]).stream() as ReadableStream<Uint8Array>
    await expect(putObject(chain, 'a.txt', body)).rejects.toMatchObject({ code: 'too-many-writes' })
    expect(await textOf(await memory.get('a.txt'))).toBe('between')
    expect([await trash(), [...memory.objects.keys()], memory.uploads.size]).toEqual([[], ['a.txt'], 0])
  })

  it('leave the condition of a write as it is', async () => {
    const { memory, backend } = racing((store) => store.put('a.txt', bytesOf('between')))
    const { keeping, trash } = start(backend)
    await memory.put('a.txt', bytesOf('old'))
    const onlyIf = conditionOn(await memory.head('a.txt'))
    expect(await keeping.put('a.txt', bytesOf('new'), { onlyIf })).toBeNull()
    expect(await textOf(await memory.get('a.txt'))).toBe('between')
    expect(await trash()).toEqual([])
  })
})

describe('a failure', () => {
  const failingPut =
    (memory: Backend, fails: (name: string) => boolean, code: StorageError['code']): WritableBackend['put'] =>
    async (name, body, options) => {
      if (fails(name)) throw new StorageError(code, 'fails on purpose', { backend: 'primary' })
      return writable(memory).put(name, body, options)
    }

  it.each(['unavailable', 'timeout'] as const)(
    'of the write (%s) loses nothing, though the version is kept',
    async (code) => {
      const memory = memoryBackend('primary')
      const put = failingPut(memory, (name) => name === 'a.txt', code)
      const { chain, trash } = start({ ...memory, put })
      await memory.put('a.txt', bytesOf('old'))
      await expect(putObject(chain, 'a.txt', bytesOf('new'))).rejects.toMatchObject({ code })
      expect(await textOf(await memory.get('a.txt'))).toBe('old')
      expect(await trash()).toEqual(['old'])
    },
  )

  it('that shows that nothing was stored leaves no copy', async () => {
    const memory = memoryBackend('primary')
    const put = failingPut(memory, (name) => name === 'a.txt', 'locked')
    const { chain, trash, rows } = start({ ...memory, put })
    await memory.put('a.txt', bytesOf('old'))
    await expect(chain.delete('a.txt')).rejects.toMatchObject({ code: 'locked' })
    expect([await trash(), rows]).toEqual([[], []])
  })

  it.each([
    ['locked', 'locked'],
    ['too-large', 'unavailable'],
    ['denied', 'unavailable'],
    ['overloaded', 'overloaded'],
  ] as const)('to keep the version (%s) refuses the write', async (code, refusal) => {
    const memory = memoryBackend('primary')
    const put = failingPut(memory, (name) => name.startsWith('.trash/'), code)
    const { chain } = start({ ...memory, put })
    await memory.put('a.txt', bytesOf('old'))
    const refused = { code: refusal, message: expect.stringContaining('FALLBACK_KEEP_REPLACED_DAYS') }
    await expect(putObject(chain, 'a.txt', bytesOf('new'))).rejects.toMatchObject(refused)
    await expect(chain.delete('a.txt')).rejects.toMatchObject(refused)
    expect(await textOf(await memory.get('a.txt'))).toBe('old')
  })

  it('of the index refuses the write', async () => {
    const memory = memoryBackend('primary')
    const { index } = indexInMemory()
    const addVersion = () => Promise.reject(new Error('the Durable Object is overloaded'))
    const keeping = writable(withPriorVersions(memory, () => ({ ...index, addVersion })))
    await memory.put('a.txt', bytesOf('old'))
    await expect(writeMarker(keeping, 'a.txt')).rejects.toBeInstanceOf(StorageError)
    expect(await textOf(await memory.get('a.txt'))).toBe('old')
  })
})

describe('withPriorVersions()', () => {
  it('leaves mirrors and read-only backends as they are', () => {
    const { index } = indexInMemory()
    const mirror: Backend = { ...memoryBackend('mirror'), mirror: 'all' }
    const { put: _, ...readOnly } = memoryBackend('old')
    expect(withPriorVersions(mirror, () => index)).toBe(mirror)
    expect(withPriorVersions(readOnly, () => index)).toBe(readOnly)
  })
})
