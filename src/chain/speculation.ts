import { createMissRates, type MissRates } from './miss-rates.ts'

/**
 * Decides when a read starts the next backend before the earlier ones have answered, and limits how many of these
 * speculative requests turn out not to be needed.
 */
export interface Speculation {
  readonly missRates: MissRates
  /** Counts a read: a share of the reads may have a request that is not needed. */
  countRead(): void
  /** Whether a speculative request may be started, given how likely the earlier backends all lack the name. */
  allows(missRate: number): boolean
  /** Reserves a speculative request; the result is called with whether it was needed. */
  begin(backend: string, missRate: number): (needed: boolean) => void
  /** The speculative requests so far, by backend. */
  readonly counts: ReadonlyMap<string, SpeculationCounts>
}

export interface SpeculationCounts {
  used: number
  notNeeded: number
}

export interface SpeculationOptions {
  /** The most speculative requests that are not needed, in percent of all reads. */
  percent: number
  now?: () => number
}

/** For one read. Its requests share five connections. */
export const MAX_SPECULATIVE = 2
/** Below this, a request is more likely wasted than used. */
const LIKELY = 0.5
/** Saved for later by reads that need none. */
const BURST = 5
/** Even a request that is almost certain to be needed may not be. */
const LEAST_COST = 0.02
/** If a directory is migrated all at once, this many requests are wasted before the isolate knows. */
const MAX_RUNNING = 32
/** Before any read, so that the first waste of an isolate does not end speculation for the next twenty reads. */
const START = 1
/** A request that runs for longer was ended by the platform. */
const FORGOTTEN_MS = 60_000

/** The most that are not needed beyond their share of the reads. */
export const MOST_IN_EXCESS = START + MAX_RUNNING

export function createSpeculation({ percent, now = Date.now }: SpeculationOptions): Speculation {
  const counts = new Map<string, SpeculationCounts>()
  /** When each request began. */
  const running = new Map<(needed: boolean) => void, number>()
  /** How many requests may still be wasted, without those that are expected to be by the ones that run. */
  let allowance = START

  const hasRoom = (): boolean => {
    if (running.size < MAX_RUNNING) return true
    for (const [settle, began] of running) if (now() - began > FORGOTTEN_MS) settle(false)
    return running.size < MAX_RUNNING
  }
  return {
    missRates: createMissRates(),
    counts,
    countRead: () => void (allowance = Math.min(BURST, allowance + percent / 100)),
    allows: (missRate) => missRate >= LIKELY && hasRoom() && allowance >= costOf(missRate),
    begin(backend, missRate) {
      const cost = costOf(missRate)
      allowance -= cost
      const settle = (needed: boolean): void => {
        if (!running.delete(settle)) return
        allowance = Math.min(BURST, allowance + cost - (needed ? 0 : 1))
        const count = counts.get(backend) ?? { used: 0, notNeeded: 0 }
        count[needed ? 'used' : 'notNeeded'] += 1
        counts.set(backend, count)
      }
      running.set(settle, now())
      return settle
    },
  }
}

function costOf(missRate: number): number {
  return Math.max(LEAST_COST, 1 - missRate)
}
