import { SingleBar } from 'cli-progress'
import { duration, escaped } from './format.ts'
import { createRate } from './rate.ts'

export interface ProgressOptions {
  label: string
  /** Unknown until told. */
  total?: number
  /** How a number is shown: bytes or a count. */
  show: (value: number) => string
  quiet: boolean
  /** Where it is drawn. Default: standard error. */
  stream?: NodeJS.WritableStream & { isTTY?: boolean }
  /** Milliseconds between lines where it is no terminal. */
  intervalMs?: number
  now?: () => number
}

/** How far long work is: a bar on a terminal, a line now and then elsewhere. */
export interface Progress {
  /** `note` is shown at the end of the line. */
  update(value: number, options?: { total?: number; note?: string }): void
  end(): void
}

const BAR = 24
/** Work that is over by then needs no progress. */
const PATIENCE_MS = 400
const LINE_MS = 5_000
const SAMPLE_MS = 200

export function createProgress(options: ProgressOptions): Progress {
  const { stream = process.stderr, quiet, show, now = Date.now } = options
  if (quiet) return { update: () => {}, end: () => {} }
  const label = escaped(options.label)
  const drawing = stream.isTTY ? drawBar(stream, label) : drawLines(stream, { ...options, label })
  const rate = createRate()
  let { total } = options
  let sampled = -Infinity
  return {
    update(value, told = {}) {
      total = told.total ?? total
      const at = now()
      // Bodies come in thousands of chunks a second.
      if (at - sampled < SAMPLE_MS) return
      sampled = at
      rate.add(value, at)
      const text = describe({ value, total, rate: rate.perSecond() }, show)
      drawing.show({ value, total, text: told.note ? `${text}, ${escaped(told.note)}` : text })
    },
    end: () => drawing.end(),
  }
}

interface State {
  value: number
  total: number | undefined
  rate: number | null
}

/** `1.2 MiB of 4.0 MiB (30 %), 512 KiB/s, 6 s left` */
function describe({ value, total, rate }: State, show: (value: number) => string): string {
  const share = total ? ` of ${show(total)} (${Math.floor((value / total) * 100)} %)` : ''
  const speed = rate === null ? '' : `, ${show(rate)}/s`
  const left = total && rate ? `, ${duration((total - value) / rate)} left` : ''
  return show(value) + share + speed + left
}

interface Drawing {
  show(state: { value: number; total: number | undefined; text: string }): void
  end(): void
}

function drawBar(stream: NodeJS.WritableStream, label: string): Drawing {
  const bar = new SingleBar({
    stream,
    format: '{label}  {bar}  {text}',
    barsize: BAR,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    emptyOnZero: true,
    clearOnComplete: true,
    hideCursor: true,
    // Its handler takes Ctrl-C and lets the work go on.
    gracefulExit: false,
  })
  const begun = Date.now()
  const end = () => {
    process.off('exit', end)
    bar.stop()
  }
  return {
    show({ value, total = 0, text }) {
      if (bar.isActive) {
        bar.setTotal(total)
        bar.update(value, { text })
      } else if (Date.now() - begun >= PATIENCE_MS) {
        bar.start(total, value, { label, text })
        // An interrupt would leave the terminal without its cursor.
        process.once('exit', end)
      }
    },
    end,
  }
}

function drawLines(
  stream: NodeJS.WritableStream,
  { label, intervalMs = LINE_MS, now = Date.now }: ProgressOptions,
): Drawing {
  let last = now()
  return {
    show({ text }) {
      if (now() - last < intervalMs) return
      last = now()
      stream.write(`${label}: ${text}\n`)
    },
    end: () => {},
  }
}
