/** One measured number, and its limit if there is one. */
export interface Figure {
  name: string
  value: number
  unit: string
  /** The largest value that is good enough. */
  limit?: number
  /** The smallest value that is good enough. */
  atLeast?: number
  /** The limit for changes if the goal is out of reach; docs/performance.md has the reasons. */
  accepted?: number
  /** The smallest and the largest of the rounds whose median this is. */
  spread?: readonly [number, number]
  /** The absolute numbers behind a ratio, which are only meaningful on this machine. */
  detail?: string
}

/** Whether the goal is reached. */
export function reaches({ value, limit, atLeast }: Figure): boolean {
  if (limit !== undefined && !(value <= limit)) return false
  return atLeast === undefined || value >= atLeast
}

/** Whether the goal, or the accepted value if there is one, is missed by at most the fraction `slack`. */
export function keeps({ accepted, limit, atLeast, ...figure }: Figure, slack = 0): boolean {
  return reaches({
    ...figure,
    ...(limit !== undefined && { limit: (accepted ?? limit) * (1 + slack) }),
    ...(atLeast !== undefined && { atLeast: (accepted ?? atLeast) * (1 - slack) }),
  })
}

export function printFigures(figures: readonly Figure[]): void {
  console.table(
    figures.map((figure) => ({
      figure: figure.name,
      value: round(figure.value),
      unit: figure.unit,
      spread: figure.spread?.map(round).join(' – ') ?? '',
      goal: goalOf(figure),
      reached: goalOf(figure) === '' ? '' : reaches(figure),
      accepted: figure.accepted ?? '',
      detail: figure.detail ?? '',
    })),
  )
}

function goalOf({ limit, atLeast }: Figure): string {
  if (limit !== undefined) return `≤ ${limit}`
  return atLeast === undefined ? '' : `≥ ${atLeast}`
}

function round(value: number): number {
  return Number.isNaN(value) ? value : Math.round(value * 1000) / 1000
}

/** The middle value; the upper one of the two for an even number. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5)
}

export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export function spreadOf(values: readonly number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)]
}
