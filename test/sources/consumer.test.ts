import { describe, expect, it } from 'vitest'
import { type DeadLetter, MAX_ATTEMPTS } from '../../src/migration/copy-consumer.ts'
import { consumeSourceMessages } from '../../src/sources/consumer.ts'
import type { SourceMessage } from '../../src/sources/messages.ts'
import type { Reconciled } from '../../src/sources/reconcile.ts'
import type { Handled } from '../../src/sources/source-changes.ts'
import { StorageError } from '../../src/storage/errors.ts'

const EVENT: SourceMessage = { type: 'source', backend: 'old', name: 'a', at: 5, received: 6 }
const HELD = { name: 'a', backend: 'new' }

interface Options {
  body?: SourceMessage
  attempts?: number
  sendLater?: (message: SourceMessage) => Promise<unknown>
}

/** Delivers one message whose name turns out like that. */
async function deliver(
  result: Partial<Reconciled> | StorageError,
  { body = EVENT, attempts = 1, sendLater = async () => {} }: Options = {},
) {
  const seen: string[] = []
  const later: [number, number | undefined][] = []
  const letters: DeadLetter[] = []
  const counted: Handled[] = []
  const message = { body, attempts, ack: () => void seen.push('ack'), retry: () => void seen.push('retry') }
  await consumeSourceMessages([message], {
    reconcile: async () => {
      if (result instanceof StorageError) throw result
      return { outcome: 'same', detail: '', ...result }
    },
    sendLater: async (next, seconds) => {
      await sendLater(next)
      later.push([seconds, next.looks])
    },
    count: async (_, handled) => void counted.push(...handled),
    giveUp: async (letter) => letters.push(letter),
  })
  return { seen, later, letters, counted }
}

describe('an event that found nothing to change', () => {
  it.each([
    ['the source does not have the name and there is no copy', { outcome: 'absent' }],
    ['there is no copy and migration is off', { outcome: 'not-migrated' }],
  ] as const)('is looked at after seconds, a minute, and a quarter of an hour: %s', async (_, result) => {
    for (const [looks, delay] of [5, 60, 960].entries())
      expect(await deliver(result, { body: { ...EVENT, looks } })).toMatchObject({
        seen: ['ack'],
        later: [[delay, looks + 1]],
      })
    expect(await deliver(result, { body: { ...EVENT, looks: 3 } })).toMatchObject({
      seen: ['ack'],
      later: [],
    })
  })

  it.each([
    { outcome: 'same' },
    { outcome: 'hidden' },
    { outcome: 'conflict' },
    { outcome: 'ignored' },
    { outcome: 'copied' },
    { outcome: 'tombstoned' },
    { outcome: 'absent', held: HELD },
  ] as const)('is over where a copy that is under way cannot be stored: %j', async (result) => {
    expect(await deliver(result)).toMatchObject({ seen: ['ack'], later: [] })
  })

  it('is delivered again if it cannot be sent for later', async () => {
    const sendLater = () => Promise.reject(new StorageError('unavailable', 'the queue is full'))
    expect(await deliver({ outcome: 'absent' }, { sendLater })).toMatchObject({
      seen: ['retry'],
      counted: [],
    })
  })
})

describe('an event that failed', () => {
  const failure = new StorageError('timeout', 'did not answer', { backend: 'old' })

  it('is retried, then looked at later, and recorded in the end', async () => {
    expect(await deliver(failure)).toMatchObject({ seen: ['retry'], later: [], letters: [] })
    const last = { attempts: MAX_ATTEMPTS }
    expect(await deliver(failure, last)).toMatchObject({ seen: ['ack'], later: [[5, 1]], letters: [] })
    const { letters, counted, later } = await deliver(failure, { ...last, body: { ...EVENT, looks: 3 } })
    expect([later, counted]).toEqual([[], [{ outcome: 'failed' }]])
    const detail = 'did not answer'
    expect(letters).toEqual([{ name: 'a', error: 'timeout', detail, attempts: MAX_ATTEMPTS, source: 'old' }])
  })

  it('is recorded at once if a lock forbids the change', async () => {
    const { seen, later, letters } = await deliver(new StorageError('locked', 'is locked'))
    expect([seen, later]).toEqual([['ack'], []])
    expect(letters).toMatchObject([{ error: 'locked' }])
  })
})

describe('what is counted', () => {
  it.each([
    [{ outcome: 'copied' }, { outcome: 'copied', at: 5 }],
    [{ outcome: 'tombstoned' }, { outcome: 'tombstoned', at: 5 }],
    [{ outcome: 'same' }, { outcome: 'unchanged', at: 5 }],
    [{ outcome: 'conflict' }, { outcome: 'conflicts' }],
    [{ outcome: 'hidden' }, { outcome: 'unchanged' }],
    [{ outcome: 'absent' }, { outcome: 'unchanged' }],
  ] as const)('is %j as %j: the lag is that of names which are in line', async (result, counted) => {
    expect((await deliver(result)).counted).toEqual([counted])
  })

  it('is each event once', async () => {
    const again = { ...EVENT, looks: 1 }
    expect((await deliver({ outcome: 'absent' }, { body: again })).counted).toEqual([])
    expect((await deliver({ outcome: 'tombstoned' }, { body: again })).counted).toEqual([
      { outcome: 'tombstoned', at: 5 },
    ])
  })

  it('is no outdated copy that a read found', async () => {
    const { type, backend, name } = EVENT
    const { seen, counted } = await deliver({ outcome: 'copied' }, { body: { type, backend, name } })
    expect([seen, counted]).toEqual([['ack'], []])
  })
})
