import type { Chain } from '../../chain/fallback.ts'
import type { ListableBackend } from '../../storage/backend.ts'
import type {
  Backfill,
  Difference,
  DifferencePage,
  FailurePage,
  Verification as VerificationJson,
} from '../../schemas/job-answers.ts'
import type { DifferenceKind } from '../../schemas/reasons.ts'
import { mapLimited } from '../../storage/map-limited.ts'
import { Job } from '../job.ts'
import { cursorOf, mayContinueAt } from '../job-record.ts'
import { createPace } from '../pace.ts'
import { type Backfills, latestJobs, openBackfills } from '../backfills.ts'
import { createWalk, type Step } from '../walk.ts'
import { failedBackfills, obstaclesOf, reasonOf, toJson } from './certificate.ts'
import { type Evidence, gatherEvidence } from './evidence.ts'
import { compareName, type CompareOptions, leftOut, type Result } from './compare.ts'
import { isSameConfiguration } from './conditions.ts'
import { addCoverage, isCheckedAgain, keep, seenIn, takeBack } from './count-results.ts'
import { withPace } from './pace.ts'
import { NO_TALLY, type VerificationOptions, type VerificationRecord } from './record.ts'
import { createStore, isSame, NOTHING_SEEN, SCHEMA, type VerificationStore } from './store.ts'
import { compareWithMirror, type MirrorState, readStep, rollbackObstacles } from './rollback.ts'
import { chooseSides, goneFrom, listedSides, type ListedSides, withEquivalent } from './sides.ts'

const SETTINGS = { kind: 'verification', key: 'verification', schema: SCHEMA } as const
/** One alarm compares for so long. */
const COMPARING_MS = 10_000
/** Names between two checkpoints; fewer if their bytes are read. */
const NAMES = 2000
const NAMES_READ = 50
/** Bytes of objects between two checkpoints, if they are read: an alarm has 30 seconds of CPU time, and sources may be slow. */
const BYTES_READ = 256 * 1024 ** 2
/** So many alarms that end while they compare a name are no accident: it is too large for one. */
const MAX_ATTEMPTS = 3
/** Between two checkpoints of a verification with a limit of requests per second, each name read from both sides. */
const SECONDS_AT_ONCE = 30
/** Between passes over sources that have changed in each of three passes. */
const MIN_WAIT_MS = 60_000
const MAX_WAIT_MS = 3_600_000
/** Names compared at the same time if both sides of each are read. */
const DEEP_CONCURRENCY = 2
/** After so many such names, a source's ETags are no longer taken for digests. */
const MAX_ODD_TAGS = 3
/** How long a rollback verification waits, at its end, for mirrors that have not caught up. */
const MAX_SETTLING_MS = 60_000
const SETTLING_MS = 2_000
/** Failures read in one call. */
const FAILURES = 1000

/** One verification: it compares in alarms, from checkpoints. Methods return `null` if no such job was created. */
export abstract class Verification extends Job<VerificationRecord, VerificationJson> {
  readonly #store: VerificationStore
  /** The chain as it is compared, and the one that it was made of. */
  #paced: { chain: Chain; of: Chain } | undefined

  constructor(ctx: DurableObjectState, env: object) {
    super(ctx, env, SETTINGS)
    this.#store = createStore(ctx.storage)
  }

  create(id: string, given: VerificationOptions, startedBy?: string): VerificationJson {
    const options = { ...given, checkCopies: given.deep || given.repair || given.checkCopies }
    const { primary, others: fallbacks, unlistable } = chooseSides(this.deployment().comparedChain, options)
    const now = this.now()
    return this.begin({
      id,
      options,
      status: 'running',
      primary: primary.name,
      fallbacks: fallbacks.map(({ name }) => name),
      unlistable,
      tally: structuredClone(NO_TALLY),
      pass: { number: 1, seen: NOTHING_SEEN },
      oddTags: {},
      obstacles: [],
      deployment: this.deployment().id,
      configuration: this.deployment().configuration,
      started: now,
      updated: now,
      ...(startedBy !== undefined && { startedBy }),
    })
  }

  cancel(): VerificationJson | null {
    this.saved.change((record) => this.#end(record, 'cancelled'))
    return this.status()
  }

  /** Deletes everything that it stores: there is no such job afterwards. */
  async discard(): Promise<void> {
    await this.ctx.storage.deleteAlarm()
    await this.ctx.storage.deleteAll()
  }

  /** Without a `kind`, all but what is equal by size or was repaired. */
  differences(kind: DifferenceKind | undefined, after: number, limit: number): DifferencePage | null {
    if (!this.saved.load()) return null
    const rows = this.#store.differences(kind ?? null, after, limit + 1)
    const differences = rows
      .slice(0, limit)
      .map(({ kind: found, name, backend, detail }) => ({ kind: found, name, backend, detail }))
    return { differences, cursor: cursorOf(rows, limit) }
  }

  /** All backfills, newest first. */
  protected backfills(): Promise<Backfill[]> {
    const jobs = this.#jobs()
    return latestJobs(jobs, { kind: 'backfill' }, (id) => jobs.backfill(id).status())
  }

  protected failures(backfill: string, after: number): Promise<FailurePage | null> {
    return this.#jobs().backfill(backfill).failures(after, FAILURES)
  }

  /** What is not yet on these mirrors. */
  protected async mirrorStates(names: readonly string[]): Promise<MirrorState[]> {
    const { mirrors } = this.deployment()
    if (!mirrors) throw new Error('MIRROR_LOG must be bound')
    return mirrors.log().status([...names])
  }

  protected evidence(): Promise<Evidence> {
    return gatherEvidence(this.deployment(), this.now())
  }

  #jobs(): Backfills {
    const jobs = openBackfills(this.deployment().config.services)
    if (!jobs) throw new Error('BACKFILL_JOBS and JOB_INDEX must be bound')
    return jobs
  }

  protected override toJson(record: VerificationRecord): VerificationJson {
    return toJson(record, this.#store.prefixes(), this.deployment().configuration)
  }

  protected override async work(): Promise<void> {
    const ends = this.now() + COMPARING_MS
    do {
      const record = this.saved.load()
      if (record?.status !== 'running' || (record.resumes ?? 0) > this.now()) return
      const chain = this.#chain(record)
      if (await this.#compareSome(record, chain)) continue
      if (record.options.direction === 'rollback') await this.#completeRollback(record, chain)
      else if (!this.#startNextPass()) return this.#complete()
    } while (this.now() < ends)
  }

  protected override nextAlarm(): number | undefined {
    const record = this.saved.load()
    return record?.status === 'running' ? mayContinueAt(record, this.now()) : undefined
  }

  /** The chain to compare; requests wait for their turn if there is a limit. */
  #chain({ options: { maxPerSecond } }: VerificationRecord): Chain {
    const { comparedChain: chain } = this.deployment()
    if (maxPerSecond === undefined) return chain
    if (this.#paced?.of !== chain) {
      const pace = createPace(1000 / maxPerSecond)
      const backends = withPace(chain.backends, pace)
      this.#paced = { of: chain, chain: { ...chain, backends } }
      this.walk = undefined
    }
    return this.#paced.chain
  }

  /** Before each pass: loads which names backfills could not copy, and why. */
  async #loadFailures({ primary }: VerificationRecord): Promise<void> {
    const failed = failedBackfills(await this.backfills(), primary)
    this.#store.clearFailed()
    for (const { id } of failed) {
      for (let cursor: string | null = '0'; cursor !== null;) {
        const page: FailurePage | null = await this.failures(id, Number(cursor))
        for (const { name, backend, error, detail } of page?.failures ?? []) {
          const failure = { name, backend, reason: reasonOf({ error }), detail: `${error}: ${detail}` }
          this.#store.addFailed(id, failure)
        }
        cursor = page?.cursor ?? null
      }
    }
  }

  /** Compares some names and saves the results; `false` when there are no more. */
  async #compareSome(record: VerificationRecord, chain: Chain): Promise<boolean> {
    const began = record.pass.began ?? this.now()
    if (record.pass.began === undefined) await this.#loadFailures(record)
    const sides = listedSides(chain, record)
    const { options, position, fallbacks } = record
    const mayMiss = ({ name }: ListableBackend): boolean =>
      options.direction !== 'rollback' && !fallbacks.includes(name)
    this.walk ??= createWalk(sides, options.prefix, { position, mayMiss })
    const { walk } = this
    const steps = await walk.take(...batchOf(record))
    const { wasRead, failureOf } = this.#store
    const given = { chain, sides, wasRead, failureOf, purge: this.deployment().purge }
    const results = await this.#attempt(record, steps, () => compareAll(steps, record, given))
    this.saved.change((current) => {
      if (current.status !== 'running') return false
      this.#keep(current, steps, results ?? steps.map(tooLong))
      current.pass.began = began
      if (!isSameConfiguration(this.deployment().configuration, current.configuration))
        current.pass.reconfigured = true
      current.pass.seen = seenIn(steps, record.fallbacks, current.pass.seen)
      current.position = walk.position()
      delete current.waiting
    })
    return !walk.ended
  }

  /**
   * Work that an alarm may not live to see the end of: it is `undefined` after some that did not. Work that fails can be repeated
   * as often as it takes.
   */
  async #attempt<T>(
    { attempts = 0, oneByOne = 0 }: VerificationRecord,
    names: readonly unknown[],
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    if (attempts === MAX_ATTEMPTS) return undefined
    this.saved.change((record) => {
      record.attempts = oneByOne || names.length === 1 ? attempts + 1 : 0
      record.oneByOne = oneByOne || names.length
    })
    try {
      return await work()
    } catch (error) {
      this.saved.change((record) => {
        delete record.attempts
        record.oneByOne = oneByOne
      })
      throw error
    }
  }

  #keep(record: VerificationRecord, names: readonly unknown[], results: readonly Result[]): void {
    delete record.attempts
    record.oneByOne = Math.max(0, (record.oneByOne ?? 0) - names.length)
    // Those of earlier versions have fewer counts.
    record.tally = { ...NO_TALLY, ...record.tally }
    for (const result of results) keep(record, this.#store, result)
    addCoverage(this.#store, results)
  }

  /** `false` if the sources have not changed since the pass before, so that another one is not needed. */
  #startNextPass(): boolean {
    let isNeeded = true
    this.saved.change((record) => {
      const { number, seen, before } = record.pass
      if (record.status !== 'running') return false
      isNeeded = !before || !isSame(seen, before)
      if (!isNeeded) return false
      this.walk = undefined
      this.#store.clear()
      delete record.position
      record.tally = structuredClone(NO_TALLY)
      record.pass = { number: number + 1, seen: NOTHING_SEEN, before: seen }
      record.resumes = resumesAt(number + 1, this.now())
    })
    return isNeeded
  }

  async #complete(): Promise<void> {
    const [backfills, evidence] = await Promise.all([this.backfills(), this.evidence()])
    const chain = this.deployment().comparedChain
    this.saved.change((record) => {
      // These are in no listing, so no comparison has counted them.
      for (const { reason, count } of this.#store.failedIn(record.unlistable))
        record.tally.left_out[reason] = (record.tally.left_out[reason] ?? 0) + count
      const isAccepted = (backfill: Backfill): boolean => this.#isAccepted(record, backfill)
      record.obstacles = obstaclesOf(backfills, record.primary, isAccepted)
      record.gone = goneFrom(chain, record)
      record.evidence = evidence
      return this.#end(record, 'completed')
    })
  }

  /** Changes on their way to a mirror look like differences: they are compared again when it has caught up. */
  async #completeRollback(record: VerificationRecord, chain: Chain): Promise<void> {
    const states = await this.mirrorStates(record.fallbacks)
    const settlesBy = record.settlesBy ?? this.now() + MAX_SETTLING_MS
    if (states.some(({ pending, failed }) => pending > failed) && this.now() < settlesBy) {
      this.saved.change((current) => {
        current.settlesBy = settlesBy
        current.resumes = this.now() + SETTLING_MS
      })
      return
    }
    if (await this.#compareSomeAgain(record, chain)) return
    const obstacles = rollbackObstacles(record.fallbacks, states, await this.backfills())
    this.saved.change((current) => {
      current.obstacles = obstacles
      current.gone = goneFrom(chain, record)
      return this.#end(current, 'completed')
    })
  }

  /** `false` if there are no more differences that were not compared again. */
  async #compareSomeAgain(record: VerificationRecord, chain: Chain): Promise<boolean> {
    const { options, again = { after: 0, until: this.#store.lastDifference() } } = record
    const [names] = batchOf(record)
    const most = Math.min(names, options.deep ? DEEP_CONCURRENCY : Infinity)
    const rows = this.#store.differences(null, again.after, most).filter(({ id }) => id <= again.until)
    const last = rows.at(-1)
    if (!last) return false
    const found = rows.filter(isCheckedAgain)
    const results = await this.#attempt(record, rows, () =>
      mapLimited(found, (difference) => compareAgain(difference, record, chain), DEEP_CONCURRENCY),
    )
    this.saved.change((current) => {
      if (current.status !== 'running') return false
      if (results) for (const difference of found) takeBack(current, this.#store, difference)
      this.#keep(current, rows, results?.filter((result) => result !== null) ?? [])
      current.again = { ...again, after: last.id }
      delete current.waiting
    })
    return rows.length === most
  }

  /** Whether the operator accepts all failures of a backfill, as far as they were known to this pass. */
  #isAccepted({ options: { accept } }: VerificationRecord, { id, failed }: Backfill): boolean {
    const known = this.#store.failuresOf(id)
    const count = known.reduce((sum, { count: some }) => sum + some, 0)
    return count === failed && known.every(({ reason }) => accept.includes(reason))
  }

  #end(record: VerificationRecord, status: 'completed' | 'cancelled'): false | void {
    if (record.status !== 'running') return false
    record.status = status
    record.finished = this.now()
  }
}

/**
 * How many names and bytes are compared between two checkpoints: few enough for an alarm, which has 15 minutes, at the given
 * rate. One by one if an alarm has failed to compare them together.
 */
function batchOf({ options, attempts, oneByOne }: VerificationRecord): [names: number, bytes: number] {
  const { deep, checkCopies = deep, maxPerSecond = Infinity } = options
  const [names, bytes] = checkCopies ? [NAMES_READ, BYTES_READ] : [NAMES, Infinity]
  if (oneByOne || attempts) return [1, bytes]
  return [Math.max(1, Math.min(names, Math.floor(maxPerSecond * SECONDS_AT_ONCE))), bytes]
}

/** A source that keeps changing is listed less and less often. */
function resumesAt(pass: number, now: number): number {
  return pass <= 3 ? 0 : now + Math.min(MAX_WAIT_MS, MIN_WAIT_MS * 2 ** (pass - 4))
}

async function compareAll(
  steps: readonly Step[],
  { options, oddTags, fallbacks }: VerificationRecord,
  {
    sides,
    ...given
  }: Pick<CompareOptions, 'chain' | 'wasRead' | 'failureOf' | 'purge'> & { sides: ListedSides },
): Promise<Result[]> {
  const { deep, checkCopies = deep, repair = false } = options
  const all = { ...given, deep, checkCopies, repair, trustTags: trustTagsOf(oddTags) }
  const mirrors = sides.filter(({ mirror }) => mirror)
  const isRollback = options.direction === 'rollback'
  const isFallback: CompareOptions['isFallback'] = ({ name }) => fallbacks.includes(name)
  const others = sides.filter((side) => !isFallback(side))
  const work = async (listed: Step): Promise<(Result | null)[]> => {
    const step = await withEquivalent(listed, others)
    return Promise.all(
      isRollback
        ? mirrors.map((mirror) => compareWithMirror(step, mirror, all))
        : [compareName(step, { ...all, isFallback, primary: sides[0] })],
    )
  }
  const results = await mapLimited(steps, work, isRollback || deep ? DEEP_CONCURRENCY : undefined)
  return results.flat().filter((result) => result !== null)
}

function tooLong({ name, held }: Step): Result {
  const why = `${MAX_ATTEMPTS} alarms ended while it was compared: reading it takes longer than one may`
  return { name, held: true, backend: held[0]?.backend.name ?? '', ...leftOut('failed', why), isUnread: true }
}

function trustTagsOf(oddTags: VerificationRecord['oddTags']): CompareOptions['trustTags'] {
  return (backend) => (oddTags[backend] ?? 0) < MAX_ODD_TAGS
}

/** Compares what both sides hold now of a name that differed from a mirror. */
async function compareAgain(
  { name, backend }: Difference,
  { fallbacks, options, oddTags }: VerificationRecord,
  chain: Chain,
): Promise<Result | null> {
  const sides = listedSides(chain, { fallbacks, options })
  const mirror = sides.find((side) => side.name === backend)
  const given = { chain, deep: options.deep, trustTags: trustTagsOf(oddTags) }
  return mirror ? compareWithMirror(await readStep(name, sides), mirror, given) : null
}
