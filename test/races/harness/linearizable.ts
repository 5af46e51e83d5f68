/** The primary's state of the name: nothing, a tombstone, or these bytes. */
export type State = 'nothing' | 'deleted' | { text: string }

/**
 * The times of one operation, and its effect if it happened in one instant: `step` returns the state after it,
 * or `null` if its result is not possible in that state.
 */
export interface Event {
  began: number
  ended: number
  step: (state: State) => State | null
}

/**
 * Whether there is an order of all events that explains each result, in which no event comes before one that had ended when
 * it began, and whose last state is the actual one.
 */
export function isLinearizable(events: readonly Event[], initial: State, final: State): boolean {
  const seen = new Set<string>()
  const search = (left: readonly Event[], state: State): boolean => {
    if (left.length === 0) return keyOf(state) === keyOf(final)
    const key = `${left.map((event) => events.indexOf(event)).join()} ${keyOf(state)}`
    if (seen.has(key)) return false
    seen.add(key)
    const earliestEnd = Math.min(...left.map(({ ended }) => ended))
    return left.some((event) => {
      if (event.began > earliestEnd) return false
      const after = event.step(state)
      return (
        after !== null &&
        search(
          left.filter((other) => other !== event),
          after,
        )
      )
    })
  }
  return search(events, initial)
}

function keyOf(state: State): string {
  return typeof state === 'string' ? state : `text ${state.text}`
}
