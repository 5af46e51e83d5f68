import { describe, expect, it } from 'vitest'
import { memoryBackend } from '../kit/memory.ts'
import type { WritableBackend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { save } from '../../src/methods/save.ts'

const MIB = 1024 * 1024
/** Longer than a save waits for memory. */
const PAUSE_MS = 7000

const rows = [
  { what: 'small bodies of unknown length', backends: [partsBackend('r2')], saves: 8, size: 100 },
  {
    what: 'small bodies of unknown length where the next backend takes no parts',
    backends: [partsBackend('r2'), wholeBackend('kv')],
    saves: 8,
    size: 100,
  },
  {
    what: 'bodies of known length where the next backend takes no parts',
    backends: [partsBackend('r2'), wholeBackend('kv')],
    saves: 6,
    size: 20 * MIB,
    isKnown: true,
  },
]

describe('saves of slow clients', () => {
  it.concurrent.each(rows)(
    'do not shut each other out: $what',
    async ({ backends, saves, size, isKnown = false }) => {
      const chain = createChain(backends, { deletes: 'first' })
      const options = isKnown ? { size } : {}
      const results = await Promise.allSettled(
        Array.from({ length: saves }, (_, index) => save(chain, `${index}.bin`, slowBody(size), options)),
      )
      expect(results.map(codeOf)).toEqual(Array.from({ length: saves }, () => 'saved'))
    },
    30_000,
  )
})

/** A body whose client pauses before it ends. */
function slowBody(size: number): ReadableStream<Uint8Array> {
  let left = size
  return new ReadableStream(
    {
      async pull(controller) {
        if (left === 0) {
          await scheduler.wait(PAUSE_MS)
          controller.close()
          return
        }
        const length = Math.min(left, MIB / 4)
        left -= length
        controller.enqueue(new Uint8Array(length))
      },
    },
    { highWaterMark: 0 },
  )
}

function codeOf(result: PromiseSettledResult<unknown>): string {
  if (result.status === 'fulfilled') return 'saved'
  return result.reason instanceof StorageError ? result.reason.code : String(result.reason)
}

function partsBackend(name: string): WritableBackend {
  return memoryBackend(name)
}

/** As KV: no uploads in parts. */
function wholeBackend(name: string): WritableBackend {
  const { createMultipartUpload: _create, abortMultipartUpload: _abort, ...backend } = memoryBackend(name)
  return { ...backend, maxSize: 25 * MIB }
}
