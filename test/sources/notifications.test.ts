import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SourceMessage } from '../../src/sources/messages.ts'
import { createSns } from '../../src/sources/sns.ts'
import { createSources, type SourcesOptions } from '../../src/sources/sources.ts'
import { memoryBackend } from '../kit/memory.ts'

beforeEach(() => {
  for (const level of ['log', 'warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation(() => undefined)
})
afterEach(() => void vi.restoreAllMocks())

const SOURCES = [
  { backend: memoryBackend('photos'), prefix: 'photos/', bucket: 'old' },
  { backend: memoryBackend('all'), prefix: '', bucket: 'old' },
  { backend: memoryBackend('archive'), prefix: '', bucket: 'cold' },
]

function notification(bucket: string, key: string) {
  const object = { key, size: 1, eTag: 'e' }
  return { account: '0', action: 'PutObject', bucket, object, eventTime: new Date().toISOString() }
}

/** Delivers one batch. The events of `failing` cannot be queued. */
async function deliver(bodies: unknown[], failing?: string, own: Partial<SourcesOptions> = {}) {
  const queued: string[][] = []
  const received: unknown[] = []
  const ends: string[] = []
  const work: Promise<unknown>[] = []
  const queue = {
    send: () => Promise.reject(new Error('nothing is sent later')),
    async sendBatch(batch: Iterable<MessageSendRequest<SourceMessage>>) {
      const messages = Array.from(batch, ({ body }) => body)
      if (messages.some(({ backend }) => backend === failing)) throw new Error('the queue is full')
      queued.push(messages.map(({ backend, name }) => `${backend}/${name}`))
      return { metadata: { metrics: { backlogCount: 0, backlogBytes: 0 } } }
    },
  }
  const changes = () => ({
    addReceived: async (source: string, { accepted, ignored }: { accepted: number; ignored: number }) =>
      void received.push([source, accepted, ignored]),
    addHandled: async () => {},
  })
  const sources = createSources({
    sources: SOURCES,
    reconcile: async () => ({ outcome: 'same', detail: '' }),
    sns: createSns(() => Promise.reject(new Error('nothing comes from SNS'))),
    keepAlive: (one) => void work.push(one),
    queue,
    changes: changes as unknown as NonNullable<SourcesOptions['changes']>,
    ...own,
  })
  await sources.consumeNotifications(
    bodies.map((body, index) => ({
      body,
      attempts: 1,
      ack: () => void (ends[index] = 'ack'),
      retry: () => void (ends[index] = 'retry'),
    })),
  )
  await Promise.all(work)
  return { queued, received, ends }
}

describe("a batch of R2's notifications", () => {
  it('is queued and counted once for each source', async () => {
    const bodies = [
      notification('old', 'photos/a'),
      notification('cold', 'b'),
      notification('old', 'c'),
      notification('cold', 'd'),
      notification('elsewhere', 'e'),
      { nothing: 1 },
    ]
    expect(await deliver(bodies)).toEqual({
      queued: [['photos/a'], ['all/photos/a', 'all/c'], ['archive/b', 'archive/d']],
      received: [
        ['photos', 1, 1],
        ['all', 2, 0],
        ['archive', 2, 0],
      ],
      ends: Array(6).fill('ack'),
    })
  })

  it('is delivered again for a source whose events cannot be queued, and no other', async () => {
    const bodies = [
      notification('old', 'a'),
      notification('cold', 'b'),
      notification('old', 'c'),
      notification('elsewhere', 'd'),
    ]
    const { queued, ends } = await deliver(bodies, 'archive')
    expect(queued.flat()).toEqual(['all/a', 'all/c'])
    expect(ends).toEqual(['ack', 'retry', 'ack', 'ack'])
  })

  it('is taken as far as there is room, where there is no queue', async () => {
    const { promise: finished, resolve } = Promise.withResolvers<void>()
    const bodies = Array.from({ length: 30 }, (_, index) => notification('cold', `${index}`))
    const { ends } = await deliver(bodies, undefined, {
      queue: undefined,
      reconcile: () => finished.then(() => ({ outcome: 'same', detail: '' })),
      keepAlive: () => undefined,
    })
    resolve()
    expect(ends).toEqual([...Array(20).fill('ack'), ...Array(10).fill('retry')])
  })
})
