/** What became of one copy. */
export interface CopyEvent {
  outcome: 'copied' | 'present' | 'absent' | 'failed'
  bytes: number
  reason?: string
}

/** What became of an isolate's copies: totals, and the last event of each of the latest names. */
export interface CopyCounts {
  add(name: string, event: CopyEvent): void
  readonly totals: Readonly<Record<CopyEvent['outcome'], number>> & { readonly bytes: number }
  /** Notes that a copy was begun or queued; it stays so until `add` tells its end. */
  begin(name: string): void
  latest(name: string): LatestCopy | undefined
}

/** `pending`: begun or queued here, and its end not seen here; a queue's consumer may run in another isolate. */
export type LatestCopy = Omit<CopyEvent, 'outcome'> & { outcome: CopyEvent['outcome'] | 'pending'; at: Date }

const MAX_NAMES = 1000

export function createCounts(): CopyCounts {
  const totals = { copied: 0, present: 0, absent: 0, failed: 0, bytes: 0 }
  const events = new Map<string, LatestCopy>()
  const note = (name: string, event: Omit<LatestCopy, 'at'>): void => {
    events.delete(name)
    if (events.size >= MAX_NAMES) events.delete(events.keys().next().value ?? '')
    events.set(name, { ...event, at: new Date() })
  }
  return {
    totals,
    add(name, event) {
      totals[event.outcome] += 1
      totals.bytes += event.bytes
      note(name, event)
    },
    begin: (name) => note(name, { outcome: 'pending', bytes: 0 }),
    latest: (name) => events.get(name),
  }
}
