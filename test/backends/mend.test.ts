import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../../src/backends/memory.ts'
import { withMending } from '../../src/backends/wrappers/mend.ts'
import type { Backend } from '../../src/storage/backend.ts'
import type { StoredObject } from '../../src/storage/object.ts'
import { textOf } from './fakes.ts'

const TEXT = 'abcdefghijklmnopqrstuvwxyz'
const bytes = new TextEncoder().encode(TEXT)

type Ending = 'break' | 'end' | 'stall'

/** Serves TEXT from memory, each body stopping after `pieceLength` bytes in the way of `ending`. */
async function flaky(name: string, pieceLength: number, ending: Ending, etag = '"v1"') {
  const memory = memoryBackend(name)
  await memory.put('a', bytes, { info: { etag } })
  const asked: (number | undefined)[] = []
  const backend: Backend = {
    ...memory,
    async get(key, options = {}) {
      asked.push(options.range && 'offset' in options.range ? options.range.offset : undefined)
      const object = await memory.get(key, options)
      return object && { ...object, body: stopping(object, pieceLength, ending) }
    },
  }
  return { backend, asked }
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

function mending(backend: Backend, others: Backend[] = [], idleTimeoutMs = 1000): Backend {
  return withMending(backend, { others, idleTimeoutMs })
}

describe('withMending()', () => {
  it.each(['break', 'end', 'stall'] as const)('goes on where a body that %ss stopped', async (ending) => {
    const { backend, asked } = await flaky('origin', 10, ending)
    expect(await textOf(await mending(backend, [], 50).get('a'))).toBe(TEXT)
    expect(asked).toEqual([undefined, 10, 20])
  })

  it('tries another backend first when the same one breaks again', async () => {
    const { backend, asked } = await flaky('origin', 2, 'break')
    const spare = await flaky('spare', TEXT.length, 'break')
    expect(await textOf(await mending(backend, [spare.backend]).get('a'))).toBe(TEXT)
    expect(asked).toEqual([undefined, 2])
    expect(spare.asked).toEqual([4])
  })

  it('goes on within the range that was asked for', async () => {
    const { backend, asked } = await flaky('origin', 4, 'break')
    const part = await mending(backend).get('a', { range: { offset: 5, length: 10 } })
    expect(await textOf(part)).toBe(TEXT.slice(5, 15))
    expect(asked).toEqual([5, 9, 13])
  })

  it('goes on from another backend that holds the same object', async () => {
    const { backend } = await flaky('origin', 10, 'break')
    let calls = 0
    const dying: Backend = {
      ...backend,
      get: (name, options) =>
        calls++ === 0 ? backend.get(name, options) : Promise.reject(new Error('down')),
    }
    const { backend: other } = await flaky('other', 100, 'break')
    expect(await textOf(await mending(dying, [other]).get('a'))).toBe(TEXT)
  })

  it.each([
    ['its ETag is weak', 'W/"v1"', 'W/"v1"'],
    ['the other one holds another version', '"v1"', '"v2"'],
  ])('fails the reader when %s', async (_case, etag, otherEtag) => {
    const { backend } = await flaky('origin', 10, 'break', etag)
    let calls = 0
    const dying: Backend = {
      ...backend,
      get: (name, options) =>
        calls++ === 0 ? backend.get(name, options) : Promise.reject(new Error('down')),
    }
    const { backend: other } = await flaky('other', 100, 'break', otherEtag)
    await expect(textOf(await mending(dying, [other]).get('a'))).rejects.toThrow('broke off')
  })

  it('gives up on a source that breaks again and again', async () => {
    const { backend, asked } = await flaky('origin', 1, 'break')
    await expect(textOf(await mending(backend).get('a'))).rejects.toThrow('broke off')
    expect(asked).toHaveLength(6)
  })

  it('stops reading the source when the reader goes away', async () => {
    const { backend, asked } = await flaky('origin', 10, 'break')
    const object = await mending(backend).get('a')
    await object?.body.cancel()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(asked).toEqual([undefined])
  })
})
