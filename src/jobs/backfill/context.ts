import type { Chain } from '../../chain/fallback.ts'
import type { EgressPrices } from './egress.ts'
import type { PageMessage } from './job-types.ts'
import type { BackfillRecord } from './record.ts'
import type { Store } from './store.ts'

/** What a job uses of its Durable Object's storage. */
export type JobStorage = Pick<DurableObjectStorage, 'sql' | 'kv' | 'transactionSync' | 'setAlarm'>

/** Where a job lives, and what it works with. */
export interface JobContext {
  storage: JobStorage
  /** Throws while the configuration is wrong. */
  chain: () => Chain
  /** What reading out of the sources costs. Throws while the configuration is wrong. */
  egress: () => EgressPrices
  /** Absent where no queue is bound: then the job copies by itself. */
  queue?: Pick<Queue<PageMessage>, 'sendBatch'> & Partial<Pick<Queue, 'metrics'>>
  now?: () => number
}

/** A job's record and what it counts. All of it is synchronous, so nothing comes in between. */
export interface JobState {
  store: Store
  load(): BackfillRecord | undefined
  save(record: BackfillRecord): void
  now(): number
  /** One transaction. */
  atomically(work: () => void): void
}
