import { createExecutionContext, createMessageBatch, getQueueResult } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import worker from '../../src/index.ts'

const COPY = { type: 'copy', name: 'photos/given-up.jpg' } as const
const EVENT = { type: 'source', backend: 'legacy', name: 'photos/changed.jpg' } as const
const PAGE = { type: 'page', job: '0123456789abcde', page: 1, source: 'legacy', names: [] } as const

type Body = typeof COPY | typeof EVENT | typeof PAGE

async function deliver(queue: string, own: Env, body: Body) {
  const batch = createMessageBatch<Body>(queue, [{ id: 'one', timestamp: new Date(), attempts: 1, body }])
  const ctx = createExecutionContext()
  await worker.queue(batch as Parameters<typeof worker.queue>[0], own)
  return getQueueResult(batch, ctx)
}

describe('a message that ended in the dead-letter queue', () => {
  const wrong: Env = { ...env, FALLBACK_STORAGES: 'wrong' as never }

  it.each([COPY, EVENT])(
    'is recorded with the reason, even while the configuration is wrong: $type',
    async (body) => {
      const { explicitAcks } = await deliver('fallback-storage-dead-copies', wrong, body)
      expect(explicitAcks).toEqual(['one'])
      const [dead] = await env.JOB_INDEX.getByName('index').deadLetters(10)
      expect(dead).toMatchObject({ name: body.name, error: 'unexpected', attempts: 9 })
      expect(dead?.detail).toContain('dead-lettered after 9 deliveries')
    },
  )

  it('is acknowledged if it is a page of a job that does not exist', async () => {
    const { explicitAcks } = await deliver('media-dead-copies', wrong, PAGE)
    expect(explicitAcks).toEqual(['one'])
  })

  it('comes from a consumer that throws, for example because of a wrong configuration', async () => {
    await expect(deliver('fallback-storage-copies', wrong, COPY)).rejects.toThrow('FALLBACK_STORAGES')
  })
})
