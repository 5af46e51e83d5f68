/** Lets through so many lines of each kind in a second, and counts those that it holds back. */
export interface LogSample {
  /** How many of that kind were held back since the last one that passed; `null` holds this one back too. */
  take(kind: string): number | null
}

interface Kind {
  since: number
  passed: number
  held: number
}

/** Bounds what logging costs under load, one bound for each kind: many hits hide no miss. Kinds must be few. */
export function createLogSample(perSecond: number, now: () => number = Date.now): LogSample {
  const kinds = new Map<string, Kind>()
  return {
    take(name) {
      const kind = kinds.get(name) ?? { since: now(), passed: 0, held: 0 }
      kinds.set(name, kind)
      if (now() - kind.since >= 1000) {
        kind.since = now()
        kind.passed = 0
      }
      if (kind.passed >= perSecond) {
        kind.held += 1
        return null
      }
      kind.passed += 1
      const { held } = kind
      kind.held = 0
      return held
    },
  }
}
