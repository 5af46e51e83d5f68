import { describe, expect, it } from 'vitest'
import { createMemoryBudget } from '../../src/bodies/memory-budget.ts'
import type { Backend, MultipartUpload } from '../../src/storage/backend.ts'
import { withBreaker } from '../../src/wrappers/breaker.ts'
import { withCheckedDigests } from '../../src/wrappers/check-digest.ts'
import { withCoalescing } from '../../src/wrappers/coalesce.ts'
import { withDeadline } from '../../src/wrappers/deadline.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import { interceptCalls, type Method } from '../../src/wrappers/intercept.ts'
import { withRequestLimit } from '../../src/wrappers/limit-requests.ts'
import { withNegativeCache } from '../../src/wrappers/negative-cache.ts'
import { withPrefix } from '../../src/wrappers/prefix.ts'
import { withPublicUrl, withServedUrl } from '../../src/wrappers/public-url.ts'
import { withReadOnly } from '../../src/wrappers/read-only.ts'
import { withResume } from '../../src/wrappers/resume.ts'
import { withStaging } from '../../src/wrappers/staging.ts'
import { withTracing } from '../../src/wrappers/tracing.ts'
import { bytesOf } from '../kit/fakes.ts'

type Calls = { [Key in Method]: Parameters<NonNullable<Backend[Key]>> }
type UploadCalls = {
  [Key in Exclude<keyof MultipartUpload, 'id'>]: Parameters<MultipartUpload[Key]>
}

/** Arguments for every method. A method that is missing here does not compile. */
const calls: Calls = {
  get: ['a', { ifMatch: '"1"', lastResort: true }],
  head: ['a', { lastResort: true }],
  put: ['a', bytesOf('x'), { size: 1, onlyIf: 'absent' }],
  delete: ['a', {}],
  createMultipartUpload: ['a', { size: 9 }],
  resumeMultipartUpload: ['a', 'id'],
  list: [{ prefix: 'd', limit: 5 }],
  url: ['a', { base: 'https://media.example/' }],
  path: ['a'],
  accepts: ['a'],
}
const uploadCalls: UploadCalls = {
  uploadPart: [1, bytesOf('x'), 1, { md5: '00' }, {}],
  complete: [[{ number: 1, tag: 't', size: 1 }], { onlyIf: 'absent' }],
  abort: [{}],
}

const methods = Object.keys(calls) as Method[]
const local: readonly Method[] = ['url', 'path', 'accepts', 'resumeMultipartUpload']

interface Wrapped {
  wrap: (backend: Backend) => Backend
  /** What reaches the backend instead of the arguments. */
  changes?: Partial<Calls>
  /** Not forwarded: the wrapper handles it. */
  answers?: Method[]
  removes?: Method[]
}

const budget = createMemoryBudget(1024)
const wrappers: Record<string, Wrapped> = {
  withPrefix: {
    wrap: (backend) => withPrefix(backend, 'p/'),
    changes: {
      get: ['p/a', calls.get[1]],
      head: ['p/a', calls.head[1]],
      put: ['p/a', calls.put[1], calls.put[2]],
      delete: ['p/a', {}],
      createMultipartUpload: ['p/a', calls.createMultipartUpload[1]],
      resumeMultipartUpload: ['p/a', 'id'],
      list: [{ prefix: 'p/d', limit: 5 }],
      url: ['p/a', calls.url[1]],
      path: ['p/a'],
      accepts: ['p/a'],
    },
  },
  withFilter: { wrap: (backend) => withFilter(backend, { include: /^a/ }) },
  withReadOnly: {
    wrap: withReadOnly,
    removes: ['put', 'delete', 'createMultipartUpload', 'resumeMultipartUpload'],
  },
  withDeadline: { wrap: (backend) => withDeadline(backend, { timeoutMs: 5000, idleTimeoutMs: 5000 }) },
  'withDeadline, of a binding': {
    wrap: (backend) => withDeadline(backend, { timeoutMs: 5000, idleTimeoutMs: 5000, heedsSignals: false }),
  },
  withTracing: {
    wrap: (backend) =>
      withTracing(backend, { enterSpan: (_, callback) => callback({ setAttribute: () => {} }) }),
  },
  withBreaker: {
    wrap: (backend) => withBreaker(backend, { failures: 1, openMs: 1000, longestPauseMs: 0 }),
  },
  withRequestLimit: { wrap: (backend) => withRequestLimit(backend, (send) => send()) },
  withNegativeCache: { wrap: (backend) => withNegativeCache(backend, { ttlMs: 1000 }) },
  withResume: { wrap: (backend) => withResume(backend, { idleTimeoutMs: 1000, others: [] }) },
  withStaging: { wrap: (backend) => withStaging(backend, () => {}) },
  withCheckedDigests: { wrap: withCheckedDigests },
  withCoalescing: {
    wrap: (backend) =>
      withCoalescing(backend, { maxBytes: 9, budget, leave: 0, stallMs: 1000, keepAlive: () => {} }),
  },
  withPublicUrl: {
    wrap: (backend) => withPublicUrl(backend, 'https://cdn.example'),
    answers: ['url'],
  },
  withServedUrl: { wrap: withServedUrl, answers: ['url'] },
}

type Recorded = [method: string, ...args: unknown[]]

/** A backend that supports everything, and what has reached it. */
function recording() {
  const recorded: Recorded[] = []
  const note = <Result>(method: string, result: () => Result) => {
    return (...args: unknown[]): Result => {
      recorded.push([method, ...args])
      return result()
    }
  }
  const info = { name: 'p/a', backend: 'inner' }
  const upload: MultipartUpload = {
    id: 'id',
    uploadPart: note('uploadPart', async () => ({ number: 1, tag: 't', size: 1 })),
    complete: note('complete', async () => info),
    abort: note('abort', async () => {}),
  }
  const backend: Required<Backend> = {
    name: 'inner',
    type: 'memory',
    mirror: 'all',
    listsAfter: true,
    maxSize: 100,
    maxPutSize: 50,
    maxNameBytes: 1000,
    get: note('get', async () => ({ ...info, body: new Blob(['x']).stream() })),
    head: note('head', async () => info),
    put: note('put', async () => info),
    delete: note('delete', async () => {}),
    list: note('list', async () => ({ objects: [], directories: [] })),
    createMultipartUpload: note('createMultipartUpload', async () => upload),
    resumeMultipartUpload: note('resumeMultipartUpload', () => upload),
    url: note('url', async () => 'https://media.example/a'),
    path: note('path', () => 'memory://inner/a'),
    accepts: note('accepts', () => true),
  }
  return { backend, of: (method: string) => recorded.filter(([called]) => called === method) }
}

function call(target: object, method: string, args: readonly unknown[]): unknown {
  return (target as Record<string, (...args: unknown[]) => unknown>)[method]?.(...args)
}

/** Without a signal that the wrapper has added. */
function withoutSignal(recorded: Recorded): Recorded {
  return recorded.map((argument) => {
    if (typeof argument !== 'object' || argument === null || !('signal' in argument)) return argument
    const { signal: _signal, ...rest } = argument
    return rest
  }) as Recorded
}

describe.each(Object.entries(wrappers))('%s()', (_, { wrap, changes = {}, answers = [], removes = [] }) => {
  it.each(methods.filter((method) => !removes.includes(method)))('forwards %s', async (method) => {
    const { backend, of } = recording()
    await call(wrap(backend), method, calls[method])
    const expected = answers.includes(method) ? [] : [[method, ...(changes[method] ?? calls[method])]]
    expect(of(method).map(withoutSignal)).toEqual(expected)
  })

  it('keeps the signal of the caller', async () => {
    for (const method of ['get', 'head', 'list', 'put', 'delete', 'createMultipartUpload'] as const) {
      if (removes.includes(method)) continue
      const { backend, of } = recording()
      const caller = new AbortController()
      const args = calls[method].with(-1, { ...Object(calls[method].at(-1)), signal: caller.signal })
      await call(wrap(backend), method, args)
      caller.abort()
      expect(of(method)[0]?.at(-1), method).toMatchObject({ signal: { aborted: true } })
    }
  })

  it('forwards the arguments of an upload, whether it was created or resumed', async () => {
    for (const method of ['createMultipartUpload', 'resumeMultipartUpload'] as const) {
      const { backend, of } = recording()
      const upload = await wrap(backend)[method]?.('a', 'id' as never)
      expect(upload?.id).toBe(removes.includes(method) ? undefined : 'id')
      if (!upload) return
      for (const [step, args] of Object.entries(uploadCalls)) {
        await call(upload, step, args)
        expect(of(step).map(withoutSignal)).toEqual([[step, ...args]])
      }
    }
  })

  it('keeps the properties, and the absence of unsupported methods', () => {
    const { backend } = recording()
    const { name, type, get, head } = backend
    expect(wrap(backend)).toMatchObject({ name, type, listsAfter: true, maxSize: 100, maxPutSize: 50 })
    const able = methods.filter((method) => wrap({ name, type, get, head })[method] !== undefined)
    expect(able.filter((method) => !local.includes(method))).toEqual(['get', 'head'])
  })
})

describe('interceptCalls()', () => {
  it('runs around every call that may take a request', async () => {
    const seen: string[] = []
    const { backend } = recording()
    const wrapped = interceptCalls(backend, ({ method }, send) => {
      seen.push(method)
      return send()
    })
    for (const method of methods) await call(wrapped, method, calls[method])
    const upload = await wrapped.createMultipartUpload?.('a')
    seen.pop()
    for (const [method, args] of Object.entries(uploadCalls)) await call(upload ?? {}, method, args)
    const remote = methods.filter((method) => !local.includes(method))
    expect(seen).toEqual([...remote, ...Object.keys(uploadCalls)])
  })
})
