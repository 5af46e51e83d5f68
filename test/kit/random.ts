/** Random choices that are reproducible by seed. */
export interface Random {
  /** From 0 up to, but not including, 1. */
  next(): number
  /** A whole number from 0 up to, but not including, `end`. */
  below(end: number): number
  /** Keys of `weights`, each with a probability proportional to its weight. */
  pick<Choice extends string>(weights: Readonly<Record<Choice, number>>): Choice
}

/** Mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    next,
    below: (end) => Math.floor(next() * end),
    pick(weights) {
      const choices = Object.entries(weights) as [keyof typeof weights, number][]
      let left = next() * choices.reduce((sum, [, weight]) => sum + weight, 0)
      const chosen = choices.find(([, weight]) => (left -= weight) < 0) ?? choices[0]
      if (!chosen) throw new Error('there is nothing to choose from')
      return chosen[0]
    },
  }
}
