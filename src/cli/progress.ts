import { setTimeout as sleep } from 'node:timers/promises'
import { SingleBar } from 'cli-progress'
import { networkReason } from './errors.ts'
import { count, duration, escaped, type Output } from './output.ts'
import { ApiError, type Waiting } from '../client/client.ts'

export interface ProgressOptions {
  label: string
  total?: number
  /** Formats a number: as bytes or as a count. */
  show: (value: number) => string
  quiet: boolean
  /** Where it is drawn. Default: standard error. */
  stream?: NodeJS.WritableStream & { isTTY?: boolean }
  /** Milliseconds between lines if `stream` is not a terminal. */
  intervalMs?: number
  now?: () => number
}

/** Progress of a long task: a bar on a terminal, otherwise a line every few seconds. */
export interface Progress {
  /** `note` is shown at the end of the line. */
  update(value: number, options?: { total?: number; note?: string }): void
  end(): void
}

const BAR = 24
/** Shorter tasks show no bar. */
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
    update(value, { total: known, note } = {}) {
      total = known ?? total
      const at = now()
      // A body may arrive in thousands of chunks per second.
      if (at - sampled < SAMPLE_MS) return
      sampled = at
      const text = describe({ value, total, rate: rate(value, at) }, show)
      drawing.show({ value, total, text: note ? `${text}, ${escaped(note)}` : text })
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
    // Its own SIGINT handler would keep the process running.
    gracefulExit: false,
  })
  const started = Date.now()
  const end = () => {
    process.off('exit', end)
    bar.stop()
  }
  return {
    show({ value, total = 0, text }) {
      if (bar.isActive) {
        bar.setTotal(total)
        bar.update(value, { text })
      } else if (Date.now() - started >= PATIENCE_MS) {
        bar.start(total, value, { label, text })
        // Otherwise Ctrl-C would leave the cursor hidden.
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

const WINDOW_MS = 10_000

/** Takes samples of a growing value; returns units per second over the last ten seconds, once it can tell. */
function createRate(): (value: number, at: number) => number | null {
  let samples: { value: number; at: number }[] = []
  return (value, at) => {
    samples = [...samples.filter((sample) => sample.at >= at - WINDOW_MS), { value, at }]
    const [first = { value, at }] = samples
    return at - first.at < SAMPLE_MS ? null : ((value - first.value) / (at - first.at)) * 1000
  }
}

interface Job {
  id: string
  state: string
  waiting: Waiting | null
}

export interface WatchOptions<J extends Job> {
  label: string
  read: () => Promise<J>
  isOver: (job: J) => boolean
  /** `total` once it is known. */
  position: (job: J) => { value: number; total?: number; note?: string }
  output: Output
  /** The command that reattaches after Ctrl-C. */
  reattach: string
}

const POLL_MS = 1_000
/** A job survives a restart of the Worker, so a few failed polls do not end the watching. */
const MAX_FAILED_POLLS = 30

/** Shows a job's progress until it is over. With --json every change is printed as one line. */
export async function watchJob<J extends Job>(options: WatchOptions<J>): Promise<J> {
  const { output, reattach, label } = options
  const progress = createProgress({ label, show: count, quiet: output.quiet || output.json })
  const onInterrupt = () =>
    output.interrupted(`Stopped watching; the job keeps running. Reattach with: ${reattach}`)
  process.prependOnceListener('SIGINT', onInterrupt)
  try {
    let before = ''
    for (;;) {
      // If the very first request fails, the URL is probably wrong: no retries then.
      const job = before === '' ? await options.read() : await readWithRetries(options)
      const now = JSON.stringify(job)
      if (output.json && now !== before) output.record(job)
      before = now
      if (options.isOver(job)) return job
      const { value, total, note } = options.position(job)
      const notes = [note, noteOf(job)].filter((text) => text !== undefined)
      progress.update(value, { ...(total !== undefined && { total }), note: notes.join(', ') })
      await sleep(POLL_MS)
    }
  } finally {
    progress.end()
    process.off('SIGINT', onInterrupt)
  }
}

async function readWithRetries<J extends Job>({ read, output }: WatchOptions<J>): Promise<J> {
  for (let failed = 0; ; failed += 1) {
    try {
      return await read()
    } catch (error) {
      const reason = error instanceof ApiError && error.status >= 500 ? error.message : networkReason(error)
      if (reason === undefined || failed >= MAX_FAILED_POLLS) throw error
      if (failed === 2) output.note(`${reason}; trying again`)
      await sleep(POLL_MS)
    }
  }
}

/** Why the job makes no progress, if it doesn't. */
function noteOf({ state, waiting }: Job): string | undefined {
  if (waiting) return `waiting for ${waiting.backend}: ${waiting.error}`
  return state === 'paused' ? state : undefined
}
