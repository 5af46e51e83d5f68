import { describe, expect, it } from 'vitest'
import { kvBackend } from '../../src/backends/kv/kv.ts'
import { r2Backend } from '../../src/backends/r2/r2.ts'
import { s3Backend } from '../../src/backends/s3/s3.ts'
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

/** Receives a body, and what it was sent with. */
type Receive = (body: unknown, signal?: AbortSignal | null) => Promise<never>

/** Backends whose service receives what is written in that way. */
const services: Record<string, (receive: Receive) => Backend> = {
  r2: (receive) =>
    r2Backend('silent', {
      put: (_: string, body: unknown) => receive(body),
      resumeMultipartUpload: () => ({ uploadPart: (_: number, body: unknown) => receive(body) }),
    } as unknown as R2Bucket),
  kv: (receive) =>
    kvBackend('silent', { put: (_: string, body: unknown) => receive(body) } as unknown as KVNamespace),
  s3: (receive) =>
    s3Backend('silent', {
      endpoint: 'https://s3.example',
      bucket: 'media',
      fetch: (async (_: string, { body, signal }: RequestInit) => receive(body, signal)) as typeof fetch,
    }),
}

describe.each(Object.entries(services))('a stream that is sent to %s', (type, open) => {
  const WRITES: [string, (backend: Backend, body: ReadableStream<Uint8Array>) => Promise<unknown>][] = [
    ['put', async (backend, body) => backend.put?.('a', body, { size: 8 })],
    [
      'uploadPart',
      async (backend, body) => backend.resumeMultipartUpload?.('a', 'id').uploadPart(1, body, 8),
    ],
  ]
  const writes = WRITES.filter(([method]) => type !== 'kv' || method === 'put')
  const takeAll = async (body: unknown): Promise<void> => {
    await new Response(body as BodyInit).arrayBuffer()
  }

  it.each(writes)('times out if none of it is taken: %s', async (_, write) => {
    const signals: (AbortSignal | null | undefined)[] = []
    const backend = open((_, signal) => (signals.push(signal), never()))
    await expect(write(withDeadline(backend, bounds), slow(8, 0))).rejects.toMatchObject({
      code: 'timeout',
      backend: 'silent',
    })
    if (type === 's3') expect(signals[0]?.aborted).toBe(true)
  })

  it.each(writes)('times out if there is no answer to it: %s', async (_, write) => {
    const backend = open((body) => takeAll(body).then(never))
    await expect(write(withDeadline(backend, bounds), slow(8, 0))).rejects.toMatchObject({ code: 'timeout' })
  })

  it.each(writes)('may come slowly: %s', async (_, write) => {
    const answered = new Error('answered')
    const backend = open(async (body) => {
      await takeAll(body)
      throw answered
    })
    const patient = withDeadline(backend, { timeoutMs: 1000, idleTimeoutMs: 1000 })
    await expect(write(patient, slow(8, 150))).rejects.toMatchObject({ cause: answered })
  })
})

it('ends the requests to S3 that it gives up', async () => {
  const signals: (AbortSignal | null | undefined)[] = []
  const backend = withDeadline(
    services.s3?.((_, signal) => (signals.push(signal), never())) ?? silent(),
    bounds,
  )
  const upload = backend.resumeMultipartUpload?.('a', 'id')
  const part = { number: 1, tag: 't', size: 8 }
  for (const call of [
    () => backend.delete?.('a'),
    () => upload?.uploadPart(1, DIGITS, 10),
    () => upload?.complete([part]),
    () => upload?.complete([part], { onlyIf: 'absent' }),
    () => upload?.abort(),
  ]) {
    await expect(call()).rejects.toMatchObject({ code: 'timeout' })
    expect(signals.splice(0).map((signal) => signal?.aborted)).toEqual([true])
  }
})

it('limits what S3 is asked before a stream is sent', async () => {
  const backend = withDeadline(services.s3?.(never) ?? silent(), bounds)
  const put = backend.put?.('a', slow(8, 0), { size: 8, onlyIf: 'absent' })
  await expect(put).rejects.toMatchObject({ code: 'timeout' })
})

it('does not limit how long a stream may be sent', async () => {
  const backend = withDeadline(memoryBackend('memory'), bounds)
  expect(await backend.put?.('a', slow(8, 10), { size: 8 })).toMatchObject({ size: 8 })
})
