/** One measured number, and the bound that it must keep where there is one. */
export interface Figure {
  name: string
  value: number
  unit: string
  /** The largest value that is good enough. */
  limit?: number
}

export function keeps({ value, limit }: Figure): boolean {
  return limit === undefined || value <= limit
}

export function printFigures(figures: readonly Figure[]): void {
  console.table(
    figures.map((figure) => ({
      figure: figure.name,
      value: Math.round(figure.value * 1000) / 1000,
      unit: figure.unit,
      limit: figure.limit === undefined ? '' : `≤ ${figure.limit}`,
      kept: figure.limit === undefined ? '' : keeps(figure),
    })),
  )
}
