const WINDOW_MS = 10_000

/** Units a second over the last ten seconds. */
export interface Rate {
  add(value: number, at: number): void
  perSecond(): number | null
}

export function createRate(): Rate {
  let samples: { value: number; at: number }[] = []
  return {
    add(value, at) {
      samples = [...samples.filter((sample) => sample.at >= at - WINDOW_MS), { value, at }]
    },
    perSecond() {
      const [first] = samples
      const last = samples.at(-1)
      if (!first || !last || last.at - first.at < 200) return null
      return ((last.value - first.value) / (last.at - first.at)) * 1000
    },
  }
}
