import { describe, expect, it, vi } from 'vitest'
import { isolateMemory } from '../../src/bodies/memory-budget.ts'
import { memoryBackend } from '../kit/memory.ts'
import { openChunks } from '../../src/bodies/chunks.ts'
import { withResume } from '../../src/wrappers/resume.ts'
import type { Backend } from '../../src/storage/backend.ts'
import type { StoredObject } from '../../src/storage/object.ts'
import { textOf } from '../kit/fakes.ts'

type Ending = 'break' | 'end' | 'stall'

function resuming(backend: Backend, others: Backend[] = [], idleTimeoutMs = 1000): Backend {
  return withResume(backend, { others, idleTimeoutMs })
}

/** An object of 26 letters, each `unit` times, and backends that fail while serving it. */
function alphabet(unit: number) {
  const text = Array.from('abcdefghijklmnopqrstuvwxyz', (letter) => letter.repeat(unit)).join('')
  const bytes = new TextEncoder().encode(text)

  /** Serves the text from memory; each body stops after this many letters, as `ending` says. */
  async function flaky(name: string, letters: number, ending: Ending, etag = '"v1"') {
    const memory = memoryBackend(name)
    await memory.put('a', bytes, { info: { etag } })
    const requested: (number | undefined)[] = []
    const backend: Backend = {
      ...memory,
      async get(key, options = {}) {
        requested.push(options.range && 'offset' in options.range ? options.range.offset / unit : undefined)
        const object = await memory.get(key, options)
        return object && { ...object, body: stopping(object, letters * unit, ending) }
      },
    }
    return { backend, requested }
  }

  function stopping(object: StoredObject, pieceLength: number, ending: Ending): ReadableStream<Uint8Array> {
    const start = object.range?.start ?? 0
    const end = (object.range?.end ?? bytes.length - 1) + 1
    const piece = bytes.slice(start, Math.min(end, start + pieceLength))
    let sent = false
    return new ReadableStream({
      pull(controller) {
        if (!sent) {
          sent = true
          controller.enqueue(piece)
        } else if (start + piece.length === end || ending === 'end') controller.close()
        else if (ending === 'break') controller.error(new Error('connection reset'))
        else return new Promise(() => {})
        return undefined
      },
    })
  }

  /** Responds to the first call, and is down from then on. */
  function dying(backend: Backend): Backend {
    let calls = 0
    return {
      ...backend,
      get: (name, options) =>
        calls++ === 0 ? backend.get(name, options) : Promise.reject(new Error('down')),
    }
  }

  return { text, bytes, flaky, dying }
}

const readAll = async (backend: Backend): Promise<string | null> => textOf(await backend.get('a'))

const SMALL = 1
const LARGE = 8192

/** Small bodies are read before the response starts, large ones are resumed while they stream. */
describe.each([
  ['a small body', SMALL],
  ['a large body', LARGE],
])('withResume() of %s', (_size, unit) => {
  const { text, bytes, flaky, dying } = alphabet(unit)

  it.each(['break', 'end', 'stall'] as const)('continues where a body that %ss stopped', async (ending) => {
    const { backend, requested } = await flaky('origin', 10, ending)
    expect(await textOf(await resuming(backend, [], 50).get('a'))).toBe(text)
    expect(requested).toEqual([undefined, 10, 20])
  })

  it('tries another backend first if the same one fails again', async () => {
    const { backend, requested } = await flaky('origin', 2, 'break')
    const spare = await flaky('spare', text.length, 'break')
    expect(await textOf(await resuming(backend, [spare.backend]).get('a'))).toBe(text)
    expect(requested).toEqual([undefined, 2])
    expect(spare.requested).toEqual([4])
  })

  it('resumes within the requested range', async () => {
    const { backend, requested } = await flaky('origin', 4, 'break')
    const range = { offset: 5 * unit, length: 20 * unit }
    const part = await resuming(backend).get('a', { range })
    expect(await textOf(part)).toBe(text.slice(5 * unit, 25 * unit))
    expect(requested).toEqual([5, 9, 13, 17, 21])
  })

  it('continues from another backend that has the same object', async () => {
    const { backend } = await flaky('origin', 10, 'break')
    const { backend: other } = await flaky('other', 100, 'break')
    expect(await textOf(await resuming(dying(backend), [other]).get('a'))).toBe(text)
  })

  it.each([
    ['its ETag is weak', 'W/"v1"', 'W/"v1"'],
    ['the other one holds another version', '"v1"', '"v2"'],
  ])('fails when %s', async (_case, etag, otherEtag) => {
    const { backend } = await flaky('origin', 10, 'break', etag)
    const { backend: other } = await flaky('other', 100, 'break', otherEtag)
    await expect(readAll(resuming(dying(backend), [other]))).rejects.toThrow('was interrupted')
  })

  it('fails when more bytes come than were announced', async () => {
    const { backend } = await flaky('origin', 26, 'end')
    const short: Backend = {
      ...backend,
      async get(name, options) {
        const object = await backend.get(name, options)
        return object && { ...object, size: bytes.length - 1 }
      },
    }
    await expect(readAll(resuming(short))).rejects.toThrow('more than the announced')
  })

  it('stops trying a source that fails again and again', async () => {
    const { backend, requested } = await flaky('origin', 1, 'break')
    await expect(readAll(resuming(backend))).rejects.toThrow('was interrupted')
    expect(requested).toHaveLength(6)
  })
})

describe('withResume()', () => {
  it('stops reading the source when the reader of a large body goes away', async () => {
    const { backend, requested } = await alphabet(LARGE).flaky('origin', 10, 'break')
    const object = await resuming(backend).get('a')
    await object?.body.cancel()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(requested).toEqual([undefined])
  })

  it('cancels what it has requested if the reader has gone away in the meantime', async () => {
    const { text, bytes, flaky } = alphabet(LARGE)
    const { backend } = await flaky('origin', 10, 'break')
    const { promise: requested, resolve: request } = Promise.withResolvers<void>()
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
    const cancelled = vi.fn<() => void>()
    const late: Backend = {
      ...backend,
      async get(name, options) {
        const object = await backend.get(name, options)
        if (!object || !options?.range) return object
        request()
        await answered
        return { ...object, body: new ReadableStream({ cancel: cancelled }) }
      },
    }
    const object = await resuming(late).get('a')
    const chunks = openChunks(object?.body ?? new ReadableStream(), { atLeast: 1, atMost: bytes.length })
    expect((await chunks.next()).length).toBeLessThan(text.length)
    const next = chunks.next()
    await requested
    await chunks.cancel(new Error('gone'))
    answer()
    await expect(next).rejects.toThrow('was interrupted')
    expect(cancelled).toHaveBeenCalledOnce()
  })

  it('fails before the response if a small body cannot be resumed', async () => {
    const { backend } = await alphabet(SMALL).flaky('origin', 10, 'break', 'W/"v1"')
    await expect(resuming(backend).get('a')).rejects.toThrow('was interrupted')
  })
})

/** The runtime's own streams, as `fetch` returns them, are read in one call, whose bytes are lost if it fails. */
describe('small bodies of the runtime', () => {
  const { text, bytes, flaky } = alphabet(SMALL)

  function native(backend: Backend): Backend {
    return {
      ...backend,
      async get(name, options) {
        const object = await backend.get(name, options)
        if (!object) return null
        const length = bytes.length - (object.range?.start ?? 0)
        return { ...object, body: object.body.pipeThrough(new FixedLengthStream(length)) }
      },
    }
  }

  it.each(['break', 'end', 'stall'] as const)('are requested again if they %s', async (ending) => {
    const { backend, requested } = await flaky('origin', 10, ending)
    expect(await textOf(await resuming(native(backend), [], 50).get('a'))).toBe(text)
    expect(requested).toEqual([undefined, undefined, 10, 20])
  })

  it('may take longer than the idle timeout', async () => {
    const { backend, requested } = await flaky('origin', text.length, 'end')
    const idleTimeoutMs = 500
    expect(
      await textOf(await resuming(native(slow(backend, idleTimeoutMs / 5)), [], idleTimeoutMs).get('a')),
    ).toBe(text)
    expect(requested).toEqual([undefined, undefined])
  })

  it('are read in pieces if they cannot be resumed', async () => {
    const { backend, requested } = await flaky('origin', text.length, 'end', 'W/"v1"')
    const idleTimeoutMs = 500
    expect(
      await textOf(await resuming(native(slow(backend, idleTimeoutMs / 5)), [], idleTimeoutMs).get('a')),
    ).toBe(text)
    expect(requested).toEqual([undefined])
  })

  /** Delivers four letters at a time, with pauses. */
  function slow(backend: Backend, pauseMs: number): Backend {
    return {
      ...backend,
      async get(name, options) {
        const object = await backend.get(name, options)
        return object && { ...object, body: object.body.pipeThrough(inPieces(4, pauseMs)) }
      },
    }
  }

  function inPieces(letters: number, pauseMs: number): TransformStream<Uint8Array, Uint8Array> {
    return new TransformStream({
      async transform(chunk, controller) {
        for (let start = 0; start < chunk.length; start += letters) {
          controller.enqueue(chunk.slice(start, start + letters))
          await new Promise((resolve) => setTimeout(resolve, pauseMs))
        }
      },
    })
  }
})

describe('small bodies in memory', () => {
  it('count as memory in use until they are read', async () => {
    const memory = memoryBackend('old')
    await memory.put('a', new Uint8Array(100_000))
    const object = await resuming(memory).get('a')
    expect(isolateMemory.tryReserve(isolateMemory.total)).toBeNull()
    await new Response(object?.body).arrayBuffer()
    const all = await vi.waitUntil(() => isolateMemory.tryReserve(isolateMemory.total))
    all.release()
  })

  it('release their memory when the reader goes away', async () => {
    const memory = memoryBackend('old')
    await memory.put('a', new Uint8Array(100_000))
    const object = await resuming(memory).get('a')
    expect(isolateMemory.tryReserve(isolateMemory.total)).toBeNull()
    await object?.body.cancel()
    const all = await vi.waitUntil(() => isolateMemory.tryReserve(isolateMemory.total))
    all.release()
  })

  it.each([0, 1, 16 * 1024])(
    'do not count once they are read from their source if they have %i bytes',
    async (size) => {
      const memory = memoryBackend('old')
      await memory.put('a', new Uint8Array(size).fill(1))
      const object = await resuming(memory).get('a')
      const all = isolateMemory.tryReserve(isolateMemory.total)
      expect(all).not.toBeNull()
      all?.release()
      const bytes = new Uint8Array(await new Response(object?.body).arrayBuffer())
      expect(bytes).toEqual(new Uint8Array(size).fill(1))
    },
  )

  it('are streamed if there is no memory for them', async () => {
    const memory = memoryBackend('old')
    await memory.put('a', new Uint8Array(100_000))
    const held = await isolateMemory.reserve(isolateMemory.total)
    try {
      const object = await resuming(memory).get('a')
      expect((await new Response(object?.body).arrayBuffer()).byteLength).toBe(100_000)
    } finally {
      held.release()
    }
  })
})

it('neither reads nor resumes a body that the caller already has', async () => {
  const requested: unknown[] = []
  const memory = memoryBackend('origin')
  const backend = resuming({
    ...memory,
    async get(name, options) {
      requested.push(options)
      return { name, backend: 'origin', size: 5, etag: '"v1"', body: new Blob([]).stream() }
    },
  })
  const known = { ifNoneMatch: '"v1"' }
  expect(await textOf(await backend.get('a', known))).toBe('')
  expect(requested).toEqual([known])
})
