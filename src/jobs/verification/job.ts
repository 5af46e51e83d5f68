import { describeError, log } from '../../observe/log.ts'
import type { ListableBackend } from '../../storage/backend.ts'
import { isListable, isWritable } from '../../storage/backend.ts'
import { StorageError, toStorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import type { JobStorage } from '../backfill/context.ts'
import type { BackfillFailure } from '../../schemas/job-answers.ts'
import { type BackfillJson, waitingAfter } from '../backfill/record.ts'
import { createWalk, type Walk } from '../walk.ts'
import { failedBackfills, obstaclesOf, reasonOf } from './certificate.ts'
import type { Difference, DifferenceKind } from './compare.ts'
import type { Acceptable } from './left-out.ts'
import { coverAll, examineAll, keep, seenIn, take } from './findings.ts'
import { isSame, NOTHING_SEEN } from './fingerprint.ts'
import { openVerificationLedger, type VerificationLedger } from './ledger.ts'
import {
  NO_TALLY,
  type VerificationJson,
  type VerificationOptions,
  type VerificationRecord,
} from './record.ts'
import { toJson } from './to-json.ts'

export interface VerificationContext {
  storage: JobStorage
  /** Throws while the configuration is wrong. */
  chain: () => Chain
  /** All backfills, newest first. */
  backfills: () => Promise<BackfillJson[]>
  /** What a backfill failed at, from a cursor of the last page on; 0 at first. */
  failures: (id: string, after: number) => Promise<{ failures: BackfillFailure[]; cursor: number | null }>
  now?: () => number
}

/** One verification: compares in alarms, from checkpoints. */
export interface Verification {
  create(id: string, options: VerificationOptions): VerificationJson
  /** `null` where no such job was created. */
  status(): VerificationJson | null
  cancel(): VerificationJson | null
  differences(
    kind: DifferenceKind | undefined,
    after: number,
    limit: number,
  ): { differences: Difference[]; cursor: number | null }
  tick(): Promise<void>
  wake(): void
}

const RECORD = 'verification'
/** One alarm compares for so long. */
const COMPARING_MS = 10_000
/** Names between two checkpoints; fewer where their bytes are read. */
const NAMES = 2000
const NAMES_DEEP = 50
/** Between passes over sources that changed in three of them. */
const MIN_WAIT_MS = 60_000
const MAX_WAIT_MS = 3_600_000

export function createVerification(context: VerificationContext): Verification {
  const { storage, now = Date.now } = context
  const load = (): VerificationRecord | undefined => {
    const record = storage.kv.get<VerificationRecord>(RECORD)
    return record && upgraded(record)
  }
  const save = (record: VerificationRecord): void => storage.kv.put(RECORD, record)
  let opened: VerificationLedger | undefined
  const ledger = (): VerificationLedger => (opened ??= openVerificationLedger(storage))
  let walk: Walk | undefined
  const json = (record: VerificationRecord): VerificationJson => toJson(record, ledger().prefixes())

  const wake = (): void => {
    if (load()?.status === 'running') void storage.setAlarm(now())
  }

  /** Before each pass: which names backfills could not copy, and why. */
  const loadFailures = async (): Promise<void> => {
    const failed = failedBackfills(await context.backfills())
    ledger().clearFailed()
    for (const { id } of failed) {
      for (let after: number | null = 0; after !== null;) {
        const page: Awaited<ReturnType<typeof context.failures>> = await context.failures(id, after)
        for (const { name, backend, error, detail } of page.failures) {
          const failure = { name, backend, reason: reasonOf({ error }), detail: `${error}: ${detail}` }
          ledger().addFailed(id, failure)
        }
        after = page.cursor
      }
    }
  }

  /** Whether the operator accepts all that a backfill failed at, as far as that was known to this pass. */
  const isAccepted =
    (accept: readonly Acceptable[]) =>
    ({ id, failed }: BackfillJson): boolean => {
      const known = ledger().failuresOf(id)
      const count = known.reduce((sum, { count: some }) => sum + some, 0)
      return count === failed && known.every(({ reason }) => accept.includes(reason))
    }

  /** Some names; `false` when there are no more. */
  const step = async (record: VerificationRecord, chain: Chain): Promise<boolean> => {
    const began = record.pass.began ?? now()
    if (record.pass.began === undefined) await loadFailures()
    const sides = sidesOf(chain, record)
    walk ??= createWalk(sides, record.options.prefix, record.position)
    const steps = await take(walk, record.options.deep ? NAMES_DEEP : NAMES)
    const findings = await examineAll(steps, record, {
      chain,
      primary: sides[0],
      wasRead: ledger().wasRead,
      failureOf: ledger().failureOf,
    })
    const position = walk.position()
    storage.transactionSync(() => {
      const current = load()
      if (current?.status !== 'running') return
      for (const finding of findings) keep(current, ledger(), finding)
      coverAll(ledger(), findings)
      current.pass.began = began
      current.pass.seen = seenIn(steps, sides[0], current.pass.seen)
      current.position = position
      current.updated = now()
      delete current.waiting
      save(current)
    })
    return !walk.ended
  }

  /** How long to wait before all is compared again; `undefined` when the sources stayed as they were. */
  const nextPass = (): number | undefined => {
    const record = load()
    if (record?.status !== 'running') return undefined
    const { number, seen, before } = record.pass
    if (before && isSame(seen, before)) return undefined
    walk = undefined
    storage.transactionSync(() => {
      ledger().clear()
      const { position: _, ...rest } = record
      const pass = { number: number + 1, seen: NOTHING_SEEN, before: seen }
      save({ ...rest, tally: structuredClone(NO_TALLY), pass, updated: now() })
    })
    return waitBefore(number + 1)
  }

  const complete = async (): Promise<void> => {
    const backfills = await context.backfills()
    const record = load()
    if (record?.status !== 'running') return
    const open = obstaclesOf(backfills, isAccepted(record.options.accept))
    // No listing told of these, so no comparison counted them.
    for (const { reason, count } of ledger().failedIn(record.unlistable))
      record.tally.left_out[reason] = (record.tally.left_out[reason] ?? 0) + count
    const obstacles = [...goneFrom(context.chain(), record), ...open]
    save({ ...record, obstacles, status: 'completed', finished: now(), updated: now() })
  }

  return {
    create(id, options) {
      const chain = context.chain()
      const primary = primaryOf(chain)
      const fallbacks = chain.backends.slice(chain.backends.indexOf(primary) + 1)
      const record: VerificationRecord = {
        id,
        options,
        status: 'running',
        primary: primary.name,
        fallbacks: fallbacks.map(({ name }) => name),
        unlistable: fallbacks.filter((backend) => !isListable(backend)).map(({ name }) => name),
        tally: structuredClone(NO_TALLY),
        pass: { number: 1, seen: NOTHING_SEEN },
        oddTags: {},
        obstacles: [],
        started: now(),
        updated: now(),
      }
      save(record)
      wake()
      return json(record)
    },
    status() {
      const record = load()
      return record ? json(record) : null
    },
    cancel() {
      const record = load()
      if (!record) return null
      if (record.status === 'running')
        save({ ...record, status: 'cancelled', finished: now(), updated: now() })
      return json(load() ?? record)
    },
    differences(kind, after, limit) {
      const rows = ledger().differences(kind, after, limit + 1)
      const page = rows.slice(0, limit)
      const differences = page.map(({ kind: found, name, backend, detail }) => ({
        kind: found,
        name,
        backend,
        detail,
      }))
      return { differences, cursor: rows.length > limit ? (page.at(-1)?.id ?? null) : null }
    },
    wake,
    async tick() {
      const ends = now() + COMPARING_MS
      try {
        for (;;) {
          const record = load()
          if (record?.status !== 'running') return
          if (!(await step(record, context.chain()))) {
            const wait = nextPass()
            if (wait === undefined) return await complete()
            if (wait > 0) return await storage.setAlarm(now() + wait)
          }
          if (now() >= ends) break
        }
        await storage.setAlarm(now())
      } catch (error) {
        // What was taken from the walk and not kept is taken again.
        walk = undefined
        log('warn', 'verification', { outcome: 'waiting', reason: describeError(error) })
        const record = load()
        if (record?.status !== 'running') return
        const { code, message, backend = 'chain' } = toStorageError(error, 'chain')
        record.waiting = waitingAfter(record.waiting, { backend, error: code, detail: message }, now())
        save(record)
        await storage.setAlarm(record.waiting.until)
      }
    },
  }
}

/** The backend that all is moved to. Throws `unsupported` where it cannot list, or nothing is behind it. */
export function primaryOf(chain: Chain): ListableBackend {
  const primary = chain.backends.find(isWritable) ?? chain.backends[0]
  if (!primary || !isListable(primary))
    throw new StorageError(
      'unsupported',
      `${primary?.name ?? 'the chain'} cannot list, so nothing can be compared`,
    )
  if (chain.backends.at(-1) === primary)
    throw new StorageError(
      'unsupported',
      `no backend is behind ${primary.name}: there is nothing to compare with`,
    )
  return primary
}

function sidesOf(chain: Chain, { fallbacks }: VerificationRecord): [ListableBackend, ...ListableBackend[]] {
  const behind = chain.backends.filter(({ name }) => fallbacks.includes(name))
  return [primaryOf(chain), ...behind.filter(isListable)]
}

/** Fallbacks that could be listed when it was begun, and are not compared any more. */
function goneFrom(chain: Chain, record: VerificationRecord): string[] {
  const compared = new Set([...sidesOf(chain, record).map(({ name }) => name), ...record.unlistable])
  return record.fallbacks
    .filter((name) => !compared.has(name))
    .map((name) => `${name} left the configuration, or its listing did, before it was compared`)
}

/** A source that goes on changing is listed again less and less often. */
function waitBefore(pass: number): number {
  return pass <= 3 ? 0 : Math.min(MAX_WAIT_MS, MIN_WAIT_MS * 2 ** (pass - 4))
}

/** A record that an earlier version kept: what it ended is no certificate, what it began starts over. */
function upgraded(record: VerificationRecord): VerificationRecord {
  if ((record.pass as VerificationRecord['pass'] | undefined) !== undefined) return record
  const { position: _, ...rest } = record
  const isRunning = record.status === 'running'
  return {
    ...rest,
    options: { ...record.options, accept: [] },
    tally: isRunning ? structuredClone(NO_TALLY) : { ...record.tally, left_out: {} },
    pass: { number: 0, seen: NOTHING_SEEN },
  }
}
