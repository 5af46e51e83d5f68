import type { GetOptions } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import { bytesOf } from '../kit/fakes.ts'

/** A read that a test lets a backend answer. */
interface OpenRead {
  options: GetOptions | undefined
  answer: () => void
  fail: () => void
}

export interface Controlled extends MemoryBackend {
  /** Those that wait for their answer, in order. */
  readonly reads: OpenRead[]
  /** How many reads there were. */
  started: () => number
  /** Bodies that were cancelled. */
  cancelled: () => number
  /** Whether a byte of a body was read. */
  isRead: () => boolean
}

/** A backend in memory whose reads wait until the test answers them, unless `isManual` is off; with `a` if `text` is given. */
export async function controlled(name: string, text?: string): Promise<Controlled & { isManual: boolean }> {
  const memory = memoryBackend(name)
  if (text !== undefined) await memory.put('a', bytesOf(text))
  const reads: OpenRead[] = []
  let started = 0
  let cancelled = 0
  let isRead = false
  const turn = (options: GetOptions | undefined): Promise<void> => {
    started += 1
    if (!backend.isManual) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const fail = (): void => reject(new StorageError('unavailable', 'fails on purpose', { backend: name }))
      options?.signal?.addEventListener('abort', () => reject(options.signal?.reason as Error))
      reads.push({ options, answer: resolve, fail })
    })
  }
  const backend: Controlled & { isManual: boolean } = {
    ...memory,
    isManual: true,
    reads,
    started: () => started,
    cancelled: () => cancelled,
    isRead: () => isRead,
    async get(key, options) {
      await turn(options)
      const { signal: _, ...rest } = options ?? {}
      const object = await memory.get(key, rest)
      const bytes = memory.objects.get(key)?.bytes
      if (!object || !bytes) return null
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            isRead = true
            controller.enqueue(bytes)
            controller.close()
          },
          cancel: () => void (cancelled += 1),
        },
        { highWaterMark: 0 },
      )
      return { ...object, body }
    },
    async head(key, options) {
      await turn(options)
      return memory.head(key)
    },
  }
  return backend
}

/** Lets everything happen that does not wait for a timer or a test. */
export async function idle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0))
}
