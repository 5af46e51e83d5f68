/** A version's id; `null` where the name is absent. */
export type Version = string | null

interface Write {
  version: Version
  start: number
  /** When its outcome became known. */
  end: number
  acknowledged: boolean
}

/** One unfinished write. */
export interface Writing {
  acknowledge(): void
  /** It failed, or its outcome is unknown: it may have happened, but it cannot happen from now on. */
  giveUp(): void
}

/** The possible versions of a name, given all writes and their known outcomes. */
export interface History {
  begin(version: Version): Writing
  /** The versions that a read from `start` until now may find. */
  possible(start: number): Set<Version>
  /** Every version that ever existed. */
  all(): Set<Version>
}

/** `clock` returns a larger number each time. */
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
