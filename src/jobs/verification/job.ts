import pLimit from 'p-limit'
import { describeError, log } from '../../observe/log.ts'
import type { ListableBackend } from '../../storage/backend.ts'
import { isListable, isWritable } from '../../storage/backend.ts'
import { StorageError, toStorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import type { JobStorage } from '../backfill/context.ts'
import type { BackfillFailure } from '../../schemas/job-answers.ts'
import { type BackfillJson, waitingAfter } from '../backfill/record.ts'
import { createWalk, type Step, type Walk } from '../walk.ts'
import { failedBackfills, obstaclesOf, reasonOf, toJson } from './certificate.ts'
import {
  compareName,
  type CompareOptions,
  type Difference,
  type DifferenceKind,
  type Result,
} from './compare.ts'
import type { Acceptable } from '../../schemas/reasons.ts'
import {
  NO_TALLY,
  type VerificationJson,
  type VerificationOptions,
  type VerificationRecord,
} from './record.ts'
import {
  type Fingerprint,
  isSame,
  NOTHING_SEEN,
  openStore,
  type VerificationStore,
  withEntry,
} from './store.ts'

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
/** Names whose bytes are read at the same time, from both sides. */
const DEEP_CONCURRENCY = 2
/** After so many names a source's ETags are not taken for digests any more. */
const MAX_ODD_TAGS = 3

export function createVerification(context: VerificationContext): Verification {
  const { storage, now = Date.now } = context
  const load = (): VerificationRecord | undefined => storage.kv.get<VerificationRecord>(RECORD)
  const save = (record: VerificationRecord): void => storage.kv.put(RECORD, record)
  let opened: VerificationStore | undefined
  const store = (): VerificationStore => (opened ??= openStore(storage))
  let walk: Walk | undefined
  const json = (record: VerificationRecord): VerificationJson => toJson(record, store().prefixes())

  const wake = (): void => {
    if (load()?.status === 'running') void storage.setAlarm(now())
  }

  /** Before each pass: which names backfills could not copy, and why. */
  const loadFailures = async (): Promise<void> => {
    const failed = failedBackfills(await context.backfills())
    store().clearFailed()
    for (const { id } of failed) {
      for (let after: number | null = 0; after !== null;) {
        const page: Awaited<ReturnType<typeof context.failures>> = await context.failures(id, after)
        for (const { name, backend, error, detail } of page.failures) {
          const failure = { name, backend, reason: reasonOf({ error }), detail: `${error}: ${detail}` }
          store().addFailed(id, failure)
        }
        after = page.cursor
      }
    }
  }

  /** Whether the operator accepts all that a backfill failed at, as far as that was known to this pass. */
  const isAccepted =
    (accept: readonly Acceptable[]) =>
    ({ id, failed }: BackfillJson): boolean => {
      const known = store().failuresOf(id)
      const count = known.reduce((sum, { count: some }) => sum + some, 0)
      return count === failed && known.every(({ reason }) => accept.includes(reason))
    }

  /** Compares some names and saves what was found; `false` when there are no more. */
  const compareSome = async (record: VerificationRecord, chain: Chain): Promise<boolean> => {
    const began = record.pass.began ?? now()
    if (record.pass.began === undefined) await loadFailures()
    const sides = sidesOf(chain, record)
    walk ??= createWalk(sides, record.options.prefix, record.position)
    const steps = await walk.take(record.options.deep ? NAMES_DEEP : NAMES)
    const results = await compareAll(steps, record, {
      chain,
      primary: sides[0],
      wasRead: store().wasRead,
      failureOf: store().failureOf,
    })
    const position = walk.position()
    storage.transactionSync(() => {
      const current = load()
      if (current?.status !== 'running') return
      for (const result of results) keep(current, store(), result)
      addCoverage(store(), results)
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
      store().clear()
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
    // These are in no listing, so no comparison counted them.
    for (const { reason, count } of store().failedIn(record.unlistable))
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
      const rows = store().differences(kind, after, limit + 1)
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
          if (!(await compareSome(record, context.chain()))) {
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

async function compareAll(
  steps: readonly Step[],
  { options, oddTags }: VerificationRecord,
  given: Pick<CompareOptions, 'chain' | 'primary' | 'wasRead' | 'failureOf'>,
): Promise<Result[]> {
  const limit = pLimit(DEEP_CONCURRENCY)
  const trustTags = (backend: string): boolean => (oddTags[backend] ?? 0) < MAX_ODD_TAGS
  const work = (step: Step) => compareName(step, { ...given, deep: options.deep, trustTags })
  const results = await Promise.all(steps.map((step) => limit(work, step)))
  return results.filter((result) => result !== null)
}

/** Counts a result, and keeps it where the sides differ. */
function keep({ tally, oddTags }: VerificationRecord, store: VerificationStore, result: Result): void {
  const { kind, name, backend, detail, bySize, oddTag, reason, sameBytes } = result
  tally.compared++
  if (kind !== 'left_out') tally[kind]++
  if (reason) tally.left_out[reason] = (tally.left_out[reason] ?? 0) + 1
  if (sameBytes !== undefined) store.addRead(sameBytes)
  if (bySize) {
    tally.equal_by_size++
    const why = 'neither side reports more than the size'
    store.addDifference({ kind: 'equal_by_size', name, backend, detail: why })
  }
  if (oddTag) oddTags[backend] = (oddTags[backend] ?? 0) + 1
  if (kind !== 'equal' && kind !== 'tombstoned') store.addDifference({ kind, name, backend, detail })
}

/** The fingerprint of what the sources hold. The primary is left out: what is saved there meanwhile needs no new comparison. */
function seenIn(steps: readonly Step[], primary: ListableBackend, before: Fingerprint): Fingerprint {
  let seen = before
  for (const { backend, object } of steps.flatMap(({ held }) => held))
    if (backend !== primary) seen = withEntry(seen, backend.name, object)
  return seen
}

/** Counts what is covered in each directory. */
function addCoverage(store: VerificationStore, results: readonly Result[]): void {
  const held = results.filter(({ held: isHeld }) => isHeld)
  for (const [prefix, own] of Map.groupBy(held, ({ name }) => firstDirectory(name))) {
    const covered = own.filter(({ kind }) => kind === 'equal' || kind === 'tombstoned').length
    store.cover(prefix, own.length, covered)
  }
}

/** Up to and with the first slash; empty for names without one. */
function firstDirectory(name: string): string {
  return name.slice(0, name.indexOf('/') + 1)
}
