import { describe, expect, it } from 'vitest'
import { withDeadline } from '../../src/wrappers/deadline.ts'
import { memoryBackend } from '../kit/memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { describeBackend } from '../backends/conformance.ts'
import { DIGITS, encoder } from '../backends/conformance-fixtures.ts'

const bounds = { timeoutMs: 30, idleTimeoutMs: 30 }
const traits = { writable: true, listable: true, conditional: true, multipart: true }

describeBackend(
  'a backend with a deadline',
  async () => withDeadline(memoryBackend('memory'), { timeoutMs: 5000, idleTimeoutMs: 5000 }),
  traits,
)

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const never = (): Promise<never> => new Promise(() => {})

/** A backend that never answers. */
function silent(): Backend & Required<Pick<Backend, 'put' | 'delete' | 'list' | 'createMultipartUpload'>> {
  return {
    ...memoryBackend('silent'),
    get: never,
    head: never,
    put: never,
    delete: never,
    list: never,
    createMultipartUpload: never,
  }
}

/** A body of `count` chunks with a pause before each; then it stalls for ever unless it `ends`. */
function slow(
  count: number,
  pauseMs: number,
  { ends = true, cancelled }: { ends?: boolean; cancelled?: (reason: unknown) => void } = {},
): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        if (sent === count) return ends ? controller.close() : never()
        await wait(pauseMs)
        sent++
        controller.enqueue(encoder.encode('x'))
      },
      cancel: (reason) => cancelled?.(reason),
    },
    { highWaterMark: 0 },
  )
}

describe('a backend that does not answer', () => {
  const backend = withDeadline(silent(), bounds)
  const calls: [string, () => Promise<unknown> | undefined][] = [
    ['get', () => backend.get('a')],
    ['head', () => backend.head('a')],
    ['put', () => backend.put?.('a', DIGITS)],
    ['delete', () => backend.delete?.('a')],
    ['list', () => backend.list?.()],
    ['createMultipartUpload', () => backend.createMultipartUpload?.('a')],
  ]

  it.each(calls)('times out: %s', async (_, call) => {
    await expect(call()).rejects.toMatchObject({ code: 'timeout', backend: 'silent' })
  })

  it('stops when its signal aborts', async () => {
    const stopped = Promise.withResolvers<unknown>()
    const listening: Backend = {
      ...silent(),
      get: (_, { signal } = {}) => {
        signal?.addEventListener('abort', () => stopped.resolve(signal.reason))
        return never()
      },
    }
    await expect(withDeadline(listening, bounds).get('a')).rejects.toMatchObject({ code: 'timeout' })
    expect(await stopped.promise).toMatchObject({ code: 'timeout' })
  })

  it('is not waited for once the caller aborts', async () => {
    const caller = new AbortController()
    const patient = withDeadline(silent(), { ...bounds, timeoutMs: 60_000 })
    const request = patient.head('a', { signal: caller.signal })
    caller.abort(new Error('gone'))
    await expect(request).rejects.toThrow('gone')
    await expect(patient.get('a', { signal: caller.signal })).rejects.toThrow('gone')
  })
})

it('cancels the body of a response that comes too late', async () => {
  const cancelled = Promise.withResolvers<unknown>()
  const late: Backend = {
    ...memoryBackend('late'),
    async get(name) {
      await wait(60)
      return { name, backend: 'late', body: slow(1, 0, { cancelled: () => cancelled.resolve('cancelled') }) }
    },
  }
  await expect(withDeadline(late, bounds).get('a')).rejects.toMatchObject({ code: 'timeout' })
  expect(await cancelled.promise).toBe('cancelled')
})

it('passes a body on unchanged', async () => {
  const body = slow(1, 0)
  const sending: Backend = {
    ...memoryBackend('slow'),
    get: async (name) => ({ name, backend: 'slow', body }),
  }
  expect((await withDeadline(sending, bounds).get('a'))?.body).toBe(body)
})

it('does not limit how long a stream may be sent', async () => {
  const backend = withDeadline(memoryBackend('memory'), bounds)
  expect(await backend.put?.('a', slow(8, 10), { size: 8 })).toMatchObject({ size: 8 })
})
