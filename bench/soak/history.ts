/** A version's id; `null` where the name is absent. */
export type Version = string | null

interface Write {
  version: Version
  start: number
  /** When its outcome was known. */
  end: number
  acknowledged: boolean
}

/** One write on its way. */
export interface Writing {
  acknowledge(): void
  /** It failed, or its outcome is unknown: it may have happened, but it cannot happen from now on. */
  giveUp(): void
}

/** What a name may hold, by all that was written and by what became known of it. */
export interface History {
  begin(version: Version): Writing
  /** Versions that a read that began at `start` and ends now may find. */
  possible(start: number): Set<Version>
  /** Every version that there ever was. */
  all(): Set<Version>
}

/** `clock` gives a larger number each time. */
export function createHistory(initial: Version, clock: () => number): History {
  const writes: Write[] = [{ version: initial, start: -1, end: -1, acknowledged: true }]
  return {
    begin(version) {
      const write: Write = { version, start: clock(), end: Infinity, acknowledged: false }
      writes.push(write)
      return {
        acknowledge: () => Object.assign(write, { end: clock(), acknowledged: true }),
        giveUp: () => Object.assign(write, { end: clock() }),
      }
    },
    possible(start) {
      const earlier = writes.filter((write) => write.acknowledged && write.end <= start)
      const over = (write: Write): boolean => earlier.some((later) => later.start > write.end)
      return new Set(writes.filter((write) => !over(write)).map(({ version }) => version))
    },
    all: () => new Set(writes.map(({ version }) => version)),
  }
}
