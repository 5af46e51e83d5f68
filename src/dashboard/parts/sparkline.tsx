interface Props {
  /** Said to those who cannot see it. */
  label: string
  /** Null where nothing is known. */
  values: readonly (number | null)[]
}

const WIDTH = 160
const HEIGHT = 28

/** A small line without axes; gaps where nothing is known. */
export function Sparkline({ label, values }: Props) {
  const max = Math.max(1e-9, ...values.map((value) => value ?? 0))
  const step = WIDTH / Math.max(1, values.length - 1)
  const path = values
    .map((value, index) => {
      if (value === null) return ''
      const isStart = (values[index - 1] ?? null) === null
      // A line without length is drawn as a dot, by its round ends.
      const dot = isStart && (values[index + 1] ?? null) === null ? 'h0' : ''
      const y = HEIGHT - 2 - (value / max) * (HEIGHT - 4)
      return `${isStart ? 'M' : 'L'}${(index * step).toFixed(1)} ${y.toFixed(1)}${dot}`
    })
    .join('')
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      role="img"
      aria-label={label}
      preserveAspectRatio="none"
    >
      <path class="sparkline-base" d={`M0 ${HEIGHT - 1}H${WIDTH}`} />
      <path class="sparkline-line" d={path} />
    </svg>
  )
}
