import { duration, escaped, type Output } from './output.ts'

export interface ProgressOptions {
  label: string
  total?: number | undefined
  /** Formats a number: as bytes or as a count. */
  show: (value: number) => string
  now?: () => number
}

/** How far a task is. `note` is shown at the end of the line. */
export interface Position {
  value: number
  /** Once it is known. */
  total?: number | undefined
  /** Per second, if the task measures it itself. */
  rate?: number | undefined
  note?: string | undefined
}

export interface Progress {
  update(position: Position): void
  end(): void
}

const BAR = 24
/** Shorter tasks show no bar. */
const PATIENCE_MS = 400
const LINE_MS = 5_000
const SAMPLE_MS = 200
const WINDOW_MS = 10_000

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const NO_WRAP = '\u001b[?7l'
const WRAP = '\u001b[?7h'
const CLEAR_LINE = '\r\u001b[K'

/** Progress of a long task: a bar on a terminal, otherwise a line every few seconds. */
export function createProgress(
  options: ProgressOptions,
  { quiet, stderr }: Pick<Output, 'quiet' | 'stderr'>,
): Progress {
  const { show, now = Date.now } = options
  const label = escaped(options.label)
  let { total } = options
  /** Of the last ten seconds. */
  let samples: { value: number; at: number }[] = []
  let lastLine = now()
  const firstBar = lastLine + PATIENCE_MS
  let isDrawn = false

  const end = () => {
    process.off('exit', end)
    if (isDrawn) stderr.write(CLEAR_LINE + SHOW_CURSOR)
    isDrawn = false
  }
  const draw = (value: number, text: string) => {
    const done = Math.round(BAR * Math.min(1, total ? value / total : 0))
    const bar = '█'.repeat(done) + '░'.repeat(BAR - done)
    stderr.write(`${HIDE_CURSOR}${NO_WRAP}${CLEAR_LINE}${label}  ${bar}  ${text}${WRAP}`)
    // Otherwise Ctrl-C would leave the cursor hidden.
    if (!isDrawn) process.once('exit', end)
    isDrawn = true
  }

  return {
    update({ value, total: known, rate, note }) {
      total = known ?? total
      const at = now()
      // A body may arrive in thousands of chunks per second.
      if (quiet || at - (samples.at(-1)?.at ?? -Infinity) < SAMPLE_MS) return
      samples = [...samples.filter((sample) => sample.at >= at - WINDOW_MS), { value, at }]
      const text =
        describe({ value, total, rate: rate ?? rateOf(samples) }, show) + (note ? `, ${escaped(note)}` : '')
      if (stderr.isTTY) {
        if (at >= firstBar) draw(value, text)
      } else if (at - lastLine >= LINE_MS) {
        lastLine = at
        stderr.write(`${label}: ${text}\n`)
      }
    },
    end,
  }
}

/** Per second; null while there is only one sample. */
function rateOf(samples: readonly { value: number; at: number }[]): number | null {
  const [first, last] = [samples[0], samples.at(-1)]
  if (!first || !last || first === last) return null
  return ((last.value - first.value) / (last.at - first.at)) * 1000
}

/** `1.2 MiB of 4.0 MiB (30 %), 512 KiB/s, 6 s left` */
function describe(
  { value, total, rate }: { value: number; total: number | undefined; rate: number | null },
  show: (value: number) => string,
): string {
  const share = total ? ` of ${show(total)} (${Math.floor((value / total) * 100)} %)` : ''
  const speed = rate === null ? '' : `, ${show(rate)}/s`
  const left = total && rate ? `, ${duration((total - value) / rate)} left` : ''
  return show(value) + share + speed + left
}
