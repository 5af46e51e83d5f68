import { DurableObject } from 'cloudflare:workers'
import type { Deployment } from '../deployment.ts'
import { describeError, log } from '../observe/log.ts'
import { toStorageError } from '../storage/errors.ts'
import { runInvocation } from '../storage/invocation.ts'
import type { JobKind } from './job-index.ts'
import {
  failureOf,
  isWorking,
  type JobRecord,
  mayContinueAt,
  type SavedRecord,
  waitAfter,
} from './job-record.ts'
import type { Walk } from './walk.ts'

type Settings = { kind: JobKind; key: string; schema: string }

/** After so long, the next alarm rings if this one dies before it sets one. */
const DEAD_AFTER_MS = 60_000

/** A Durable Object that works in alarms and continues where it was after a restart. */
export abstract class Job<R extends JobRecord, Json> extends DurableObject<object> {
  /** Throws while the configuration is wrong. */
  protected abstract readonly deployment: () => Pick<
    Deployment,
    'comparedChain' | 'copyChain' | 'config' | 'configuration' | 'id' | 'mirrors' | 'purge' | 'series'
  > & { sources: Pick<Deployment['sources'], 'changes'> }
  protected readonly saved: SavedRecord<R>
  protected walk: Walk | undefined
  readonly #settings: Settings

  constructor(ctx: DurableObjectState, env: object, settings: Settings) {
    super(ctx, env)
    this.#settings = settings
    this.saved = savedRecord(ctx.storage, settings.key, () => this.now())
    // An earlier version may have created fewer tables.
    if (this.saved.load()) ctx.storage.sql.exec(settings.schema)
    // A local restart forgets alarms.
    this.wake()
  }

  status(): Json | null {
    const record = this.saved.load()
    return record ? this.toJson(record) : null
  }

  /** Works, then sets the next alarm. Failed work is tried again later. */
  override async alarm(): Promise<void> {
    const { load, change } = this.saved
    const record = load()
    if (!record || !isWorking(record)) return
    // An alarm that dies is repeated six times only (Durable Objects). The one that is set here rings all the same.
    await this.setAlarm(this.now() + DEAD_AFTER_MS)
    try {
      await runInvocation(() => this.work())
    } catch (error) {
      // What was read from the walk and not saved is listed again.
      this.walk = undefined
      log('warn', this.#settings.kind, { outcome: 'waiting', reason: describeError(error) })
      change((current) => {
        if (!isWorking(current)) return false
        waitAfter(current, failureOf(toStorageError(error, 'chain')), this.now())
      })
    }
    const next = this.nextAlarm()
    if (next !== undefined) await this.setAlarm(next)
  }

  protected abstract toJson(record: R): Json
  protected abstract work(): Promise<void>
  /** Ends the job if it is done; else returns when there is something to do next, `undefined` if only a person can change that. */
  protected abstract nextAlarm(): number | undefined

  protected begin(record: R): Json {
    this.ctx.storage.sql.exec(this.#settings.schema)
    this.saved.save(record)
    this.wake()
    return this.toJson(record)
  }

  protected wake(): void {
    const record = this.saved.load()
    if (record && isWorking(record)) void this.setAlarm(mayContinueAt(record, this.now()))
  }

  protected setAlarm(time: number): Promise<void> {
    return this.ctx.storage.setAlarm(time)
  }

  protected now(): number {
    return Date.now()
  }
}

function savedRecord<R extends JobRecord>(
  storage: DurableObjectStorage,
  key: string,
  now: () => number,
): SavedRecord<R> {
  const load = (): R | undefined => storage.kv.get<R>(key)
  const save = (record: R): void => storage.kv.put(key, record)
  return {
    load,
    save,
    change: (work) =>
      storage.transactionSync(() => {
        const record = load()
        if (!record || work(record) === false) return
        record.updated = now()
        save(record)
      }),
    now,
  }
}
