import { describe, expect, it } from 'vitest'
import {
  consumeNames,
  delayAfter,
  MAX_ATTEMPTS,
  type ConsumerOptions,
} from '../../src/migration/copy-consumer.ts'
import { createCopyLater, type CopyMessage } from '../../src/migration/copy-later.ts'
import { createMigration } from '../../src/migration/migration.ts'
import { createChain } from '../../src/chain/fallback.ts'
import { StorageError } from '../../src/storage/errors.ts'
import type { Trace } from '../../src/storage/trace.ts'
import { memoryBackend } from '../kit/memory.ts'

describe('a copy for later', () => {
  const nothing = { copyNow: async () => {}, keepAlive: () => {} }

  it('is queued once per name, however many clients read it', async () => {
    const sent: string[] = []
    const send = async ({ name }: CopyMessage): Promise<void> => void sent.push(name)
    const copyLater = createCopyLater({ ...nothing, send })
    expect(['a', 'b', 'a', 'a'].map(copyLater)).toEqual([true, true, true, true])
    expect(sent).toEqual(['a', 'b'])
  })

  it('is queued by the next read if the queue did not accept it', async () => {
    const works: Promise<unknown>[] = []
    let sends = 0
    const copyLater = createCopyLater({
      ...nothing,
      send: async () => {
        if (++sends === 1) throw new Error('queue is down')
      },
      keepAlive: (work) => void works.push(work),
    })
    copyLater('a')
    await Promise.all(works)
    copyLater('a')
    expect(sends).toBe(2)
  })

  it('counts as failed if the queue did not accept it', async () => {
    const chain = createChain([memoryBackend('primary'), memoryBackend('old')], { deletes: 'tombstone' })
    await chain.backends[1]?.put?.('a', new Uint8Array(1))
    const works: Promise<unknown>[] = []
    const migration = createMigration({
      chain,
      enabled: true,
      send: () => Promise.reject(new Error('queue is down')),
      keepAlive: (work) => void works.push(work),
    })
    const trace: Trace = []
    const object = await chain.get('a', { trace })
    expect(object && migration.writeBack(object, trace)).toBe(true)
    await Promise.all(works)
    expect(migration.counts.totals).toMatchObject({ failed: 1, copied: 0 })
  })

  it('is begun at once without a queue, two at a time, and says when there is no room', async () => {
    const begun: string[] = []
    const finish: (() => void)[] = []
    const works: Promise<unknown>[] = []
    const copyLater = createCopyLater({
      ...nothing,
      copyNow(name) {
        begun.push(name)
        return new Promise<void>((resolve) => void finish.push(resolve))
      },
      keepAlive: (work) => void works.push(work),
    })
    expect(['a', 'a', 'b', 'c'].map(copyLater)).toEqual([true, true, true, false])
    expect(begun).toEqual(['a', 'b'])
    for (const done of finish) done()
    await Promise.all(works)
    expect(copyLater('c')).toBe(true)
  })
})

describe('the consumer of copies', () => {
  type Options = ConsumerOptions<CopyMessage>
  function deliver(attempts: number, handle: Options['handle'], giveUp?: Options['giveUp']) {
    const seen: string[] = []
    const message = {
      id: '1',
      timestamp: new Date(),
      body: { type: 'copy', name: 'a' },
      attempts,
      ack: () => void seen.push('ack'),
      retry: ({ delaySeconds = 0 } = {}) => void seen.push(delaySeconds > 0 ? 'retry' : 'retry at once'),
    } as Message<CopyMessage>
    return consumeNames([message], { handle, ...(giveUp && { giveUp }) }).then(() => seen)
  }
  const fail = async (): Promise<never> => {
    throw new StorageError('timeout', 'did not answer', { backend: 'old' })
  }

  it('acknowledges what is copied', async () => {
    expect(await deliver(1, async () => ({ outcome: 'copied', bytes: 1 }))).toEqual(['ack'])
  })

  it('retries later what failed', async () => {
    expect(await deliver(1, fail, async () => {})).toEqual(['retry'])
  })

  it('fails in the end, with the reason', async () => {
    const letters: unknown[] = []
    expect(await deliver(MAX_ATTEMPTS, fail, async (letter) => letters.push(letter))).toEqual(['ack'])
    const reason = { error: 'timeout', detail: 'did not answer', attempts: MAX_ATTEMPTS }
    expect(letters).toEqual([{ name: 'a', ...reason }])
  })

  it('does not try again what no backend can take', async () => {
    const letters: unknown[] = []
    const refuse = () => Promise.reject(new StorageError('too-large', 'the body is too large'))
    expect(await deliver(1, refuse, async (letter) => letters.push(letter))).toEqual(['ack'])
    expect(letters).toMatchObject([{ error: 'too-large', attempts: 1 }])
  })

  it('copies at most five at a time', async () => {
    let running = 0
    let most = 0
    const copy = async () => {
      most = Math.max(most, ++running)
      await scheduler.wait(5)
      running -= 1
      return { outcome: 'copied', bytes: 1 } as const
    }
    const messages = Array.from({ length: 20 }, (_, index) => ({
      body: { type: 'copy', name: `${index}` },
      attempts: 1,
      ack: () => {},
      retry: () => {},
    })) as unknown as Message<CopyMessage>[]
    await consumeNames(messages, { handle: copy })
    expect(most).toBe(5)
  })

  it.each([
    [1, 0, 1],
    [1, 1, 2],
    [3, 1, 8],
    [6, 0.5, 48],
    [30, 1, 600],
  ])('waits after attempt %d, at random %d, for %d seconds', (attempts, random, seconds) => {
    expect(delayAfter(attempts, random)).toBe(seconds)
  })
})
