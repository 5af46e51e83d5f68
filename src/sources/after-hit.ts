import type { Chain } from '../chain/fallback.ts'
import { before } from '../chain/placement.ts'
import { type Changed, compareBytes, compareCopy } from '../migration/compare-copy.ts'
import { describeError, log } from '../observe/log.ts'
import type { ShadowRead } from '../observe/tally.ts'
import { type Backend, isWritable } from '../storage/backend.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { setLatest } from '../storage/set-latest.ts'
import { headSource } from './head-source.ts'
import type { SourceMessage } from './messages.ts'
import type { Reconciler } from './reconciler.ts'

export interface AfterHitOptions {
  /** Whose backends are compared with; their reads are not shared with those of clients. */
  chain: Chain
  /** By the name of a source: the age in seconds at which its copies are compared again. */
  revalidateSeconds: Readonly<Record<string, number>>
  /** Share of all hits that are compared with their source, 0 to 100. */
  shadowPercent: number
  onShadow: (shadow: ShadowRead) => void
  /** Queues that a copy is outdated; absent if no queue is bound. */
  send?: ((message: SourceMessage) => Promise<unknown>) | undefined
  reconcile: Reconciler
  keepAlive: (work: Promise<unknown>) => void
  random?: () => number
  now?: () => number
}

/** Gets what a read found. Returns at once. */
export type AfterHit = (found: ObjectInfo) => void

/** Why a copy is compared: a shadow read changes nothing, and a copy that is due is brought in line. */
interface Why {
  shadow: boolean
  due: boolean
}

interface Compared {
  source: Backend
  /** Has the copy. */
  holder: Backend
}

/** In this isolate; a hit that finds no room is compared after a later read. */
const MAX_RUNNING = 4
const MAX_REMEMBERED = 10_000
/** A request's `waitUntil` has about 30 s (Workers limits). */
const ALLOWANCE_MS = 25_000
/** Until the next comparison after one that failed, or that found an outdated copy. */
const AGAIN_MS = 60_000

/** Compares copies that clients read with their sources, in the background: those that are due, and a share of all. */
export function createAfterHit(options: AfterHitOptions): AfterHit {
  const { chain, revalidateSeconds, shadowPercent, keepAlive } = options
  const { random = Math.random, now = Date.now } = options
  /** When names are due again, as far as this isolate knows; the one that was set longest ago comes first. */
  const due = new Map<string, number>()
  /** When the comparison of a name began. */
  const running = new Map<string, number>()

  const isDue = ({ name, provenance }: ObjectInfo): boolean => {
    const seconds = revalidateSeconds[provenance?.backend ?? '']
    if (seconds === undefined || !provenance) return false
    return now() >= (due.get(name) ?? provenance.copied.getTime() + seconds * 1000)
  }
  const next = (name: string, ms: number): void => setLatest(due, name, now() + ms, MAX_REMEMBERED)
  const hasRoom = (): boolean => {
    for (const [name, began] of running)
      // A request that the platform ended reports no end.
      if (now() - began > 2 * ALLOWANCE_MS) running.delete(name)
    return running.size < MAX_RUNNING
  }

  const compare = async (copy: ObjectInfo, { source, holder }: Compared, why: Why): Promise<void> => {
    const { name } = copy
    const revalidateMs = (revalidateSeconds[source.name] ?? 0) * 1000
    if (why.due) next(name, Math.min(AGAIN_MS, revalidateMs))
    const signal = AbortSignal.timeout(ALLOWANCE_MS)
    const found = await headSource(source, name, { holder, signal })
    const compared = found ? compareCopy(copy, found) : GONE(source)
    if (why.shadow && compared !== 'unknown') {
      const bytes = compared === 'same' && found ? compareBytes(copy, found) : compared
      const detail = typeof bytes === 'object' ? bytes.changed : ''
      options.onShadow({ backend: source.name, name, matched: detail === '', detail })
    }
    if (!why.due) return
    if (compared === 'same') next(name, revalidateMs)
    else if (options.send) await options.send({ type: 'source', backend: source.name, name })
    // It has logged its failure.
    else await options.reconcile(source.name, name, signal).catch(() => {})
  }

  return (copy) => {
    const { name, provenance } = copy
    if (!provenance) return
    const why = { shadow: shadowPercent > 0 && random() * 100 < shadowPercent, due: isDue(copy) }
    if ((!why.shadow && !why.due) || running.has(name) || !hasRoom()) return
    const source = chain.backends.find((backend) => backend.name === provenance.backend)
    const holder = source && before(chain, source).find((backend) => backend.name === copy.backend)
    // What is nowhere before its source, or cannot be replaced, is not brought in line with it.
    if (!holder || !isWritable(holder)) return
    running.set(name, now())
    const work = compare(copy, { source, holder }, why)
      .catch((error: unknown) =>
        log('warn', 'revalidation', { backend: source.name, name, reason: describeError(error) }),
      )
      .finally(() => running.delete(name))
    keepAlive(work)
  }
}

const GONE = ({ name }: Backend): Changed => ({ changed: `${name} does not have it any more` })

/** The chain, of which every read of an object that finds one is followed by `afterHit`. */
export function withAfterHit(chain: Chain, afterHit: AfterHit): Chain {
  const followed = async <Info extends ObjectInfo>(read: Promise<Info | null>): Promise<Info | null> => {
    const found = await read
    if (found && !found.substitute) afterHit(found)
    return found
  }
  return {
    ...chain,
    get: (name, options) => followed(chain.get(name, options)),
    head: (name, options) => followed(chain.head(name, options)),
  }
}
