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
  latest(name: string): (CopyEvent & { at: Date }) | undefined
}

const MAX_NAMES = 1000

export function createCounts(): CopyCounts {
  const totals = { copied: 0, present: 0, absent: 0, failed: 0, bytes: 0 }
  const events = new Map<string, CopyEvent & { at: Date }>()
  return {
    totals,
    add(name, event) {
      totals[event.outcome] += 1
      totals.bytes += event.bytes
      events.delete(name)
      if (events.size >= MAX_NAMES) events.delete(events.keys().next().value ?? '')
      events.set(name, { ...event, at: new Date() })
    },
    latest: (name) => events.get(name),
  }
}
