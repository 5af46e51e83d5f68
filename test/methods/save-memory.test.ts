import { describe, expect, it, vi } from 'vitest'
import { steppedBody } from '../kit/fakes.ts'
import { memoryBackend } from '../kit/memory.ts'
import type { WritableBackend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { isolateMemory, type Reservation } from '../../src/bodies/memory-budget.ts'
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

describe('saves of unknown length', () => {
  it('that do not fit are refused within about two seconds, before anything is stored', async () => {
    const backend = partsBackend('r2')
    const held = await isolateMemory.reserve(isolateMemory.total - 17 * MIB)
    const other = await isolateMemory.reserve(16 * MIB)
    setTimeout(() => other.release(), 1500)
    let more: Reservation | null = null
    const endless = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          more ??= isolateMemory.tryReserve(10 * MIB)
          controller.enqueue(new Uint8Array(MIB / 4))
        },
      },
      { highWaterMark: 0 },
    )
    try {
      const began = Date.now()
      const chain = createChain([backend], { deletes: 'first' })
      await expect(save(chain, 'a.bin', endless)).rejects.toMatchObject({ code: 'overloaded' })
      expect(Date.now() - began).toBeLessThan(3000)
      expect(await backend.head('a.bin')).toBeNull()
    } finally {
      for (const reservation of [held, other, more]) reservation?.release()
    }
  })

  it('find room next to saves of known length, which only keep their bodies for a retry', async () => {
    const chain = createChain([partsBackend('r2')], { deletes: 'first' })
    const known = Array.from({ length: 8 }, (_, index) =>
      save(chain, `known-${index}.bin`, slowBody(8 * MIB, 1500), { size: 8 * MIB }),
    )
    await scheduler.wait(500)
    const free = isolateMemory.tryReserve(16 * MIB)
    free?.release()
    await Promise.all(known)
    expect(free).not.toBeNull()
  })

  it('keep their memory while bytes arrive, however slowly', async () => {
    vi.useFakeTimers()
    const source = steppedBody()
    const chain = createChain([partsBackend('r2')], { deletes: 'first' })
    const saved = save(chain, 'a.txt', source.body)
    try {
      for (let minutes = 0; minutes < 8; minutes++) {
        source.next('x')
        await vi.advanceTimersByTimeAsync(60_000)
      }
      expect(isolateMemory.tryReserve(isolateMemory.total)).toBeNull()
    } finally {
      source.end()
      await vi.advanceTimersByTimeAsync(1000)
      vi.useRealTimers()
    }
    expect(await saved).toMatchObject({ size: 8 })
  })

  it('end if no byte arrives for a long time, and release their memory', async () => {
    vi.useFakeTimers()
    const source = steppedBody()
    const chain = createChain([partsBackend('r2')], { deletes: 'first' })
    let failure: unknown
    const saved = save(chain, 'a.txt', source.body).catch((error: unknown) => void (failure = error))
    try {
      source.next('x')
      await vi.advanceTimersByTimeAsync(130_000)
      expect(failure).toMatchObject({ code: 'interrupted' })
    } finally {
      vi.useRealTimers()
    }
    await saved
    const all = isolateMemory.tryReserve(isolateMemory.total)
    expect(all).not.toBeNull()
    all?.release()
  })
})

/** A body whose client pauses before it ends. */
function slowBody(size: number, pauseMs = PAUSE_MS): ReadableStream<Uint8Array> {
  let left = size
  return new ReadableStream(
    {
      async pull(controller) {
        if (left === 0) {
          await scheduler.wait(pauseMs)
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

/** Like KV: no multipart uploads. */
function wholeBackend(name: string): WritableBackend {
  const { createMultipartUpload: _create, resumeMultipartUpload: _resume, ...backend } = memoryBackend(name)
  return { ...backend, maxSize: 25 * MIB }
}
