import { setTimeout as sleep } from 'node:timers/promises'
import type { Random } from '../../test/kit/random.ts'
import type { SoakSite } from './site.ts'

/** How the primary is down. A hanging one never responds. */
const OUTAGES = { status503: 2, reset: 2, hang: 2 } as const

export interface Flapping {
  /** Ends with the primary up. */
  stop(): Promise<void>
  /** How often it was down, by kind. */
  readonly outages: Record<keyof typeof OUTAGES, number>
}

/** The primary goes down for some seconds, again and again, and comes back. */
export function startFlapping(site: Pick<SoakSite, 'setOutage'>, random: Random): Flapping {
  const ended = new AbortController()
  const pause = (ms: number): Promise<void> =>
    sleep(ms, undefined, { signal: ended.signal }).catch(() => undefined)
  const outages = { status503: 0, reset: 0, hang: 0 }
  const flap = async (): Promise<void> => {
    while (!ended.signal.aborted) {
      await pause(5000 + random.below(8000))
      if (ended.signal.aborted) return
      const outage = random.pick(OUTAGES)
      outages[outage] += 1
      site.setOutage(outage)
      await pause(1000 + random.below(2000))
      site.setOutage(null)
    }
  }
  const flapping = flap()
  return {
    outages,
    async stop() {
      ended.abort()
      await flapping
    },
  }
}
