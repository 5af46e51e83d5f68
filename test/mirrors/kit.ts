import { runInDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect } from 'vitest'
import { consumeChanges } from '../../src/mirrors/consumer.ts'
import type { MirrorLog } from '../../src/mirrors/log.ts'
import type { MirrorMessage } from '../../src/mirrors/messages.ts'
import type { Mirrors } from '../../src/mirrors/mirrors.ts'
import { eventually } from '../kit/eventually.ts'

/** A log of its own: the consumer of the queue in wrangler.toml, which has no mirrors, knows only the log of that name. */
export function ownLog(): { namespace: object; log: () => DurableObjectStub<MirrorLog> } {
  const id = env.MIRROR_LOG.newUniqueId()
  const log = () => env.MIRROR_LOG.get(id) as DurableObjectStub<MirrorLog>
  return { namespace: { idFromName: () => id, get: log, getByName: log }, log }
}

export interface Row {
  name: string
  mirror: string
  due: number
  sent: number
  taken: number
  recheck: number
  attempts: number
  error: string | null
}

export function rowsOf(log: DurableObjectStub<MirrorLog>): Promise<Row[]> {
  return runInDurableObject(log, (_, { storage }) =>
    storage.sql
      .exec<Row & Record<string, SqlStorageValue>>('SELECT * FROM changes ORDER BY name, mirror')
      .toArray(),
  )
}

/** Lets all the log's times pass: leases, pauses before the next attempt, and until what was sent is sent again. */
export async function passTime(log: DurableObjectStub<MirrorLog>): Promise<void> {
  await runInDurableObject(log, async (instance, { storage }) => {
    storage.sql.exec('UPDATE changes SET due = 0, deleting = 0')
    storage.sql.exec('UPDATE writes SET until = 0')
    await instance.alarm()
  })
}

/** What the queue would deliver. */
export function messageOf(name: string): Message<MirrorMessage> & { ended: string[] } {
  const ended: string[] = []
  return {
    id: name,
    timestamp: new Date(),
    attempts: 1,
    body: { type: 'mirror', name },
    ended,
    ack: () => void ended.push('ack'),
    retry: () => void ended.push('retry'),
  }
}

/** Delivers the messages of what is pending until nothing is. */
export async function follow({ log, ...mirrors }: Mirrors): Promise<void> {
  const deliver = async (): Promise<true | null> => {
    const pending = (await rowsOf(log())).filter(({ recheck }) => recheck < 2)
    await consumeChanges(
      pending.map(({ name }) => messageOf(name)),
      { log, ...mirrors },
    )
    return pending.length === 0 ? true : null
  }
  await eventually(() => 'mirrors that are equal', deliver)
  expect(await log().status(mirrors.backends.map(({ name }) => name))).toMatchObject(
    mirrors.backends.map(({ name }) => ({ mirror: name, pending: 0, failed: 0, failures: [] })),
  )
}
