import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError, type Waiting } from '../client/client.ts'
import { networkReason } from './errors.ts'
import { count, type Output } from './output.ts'
import { createProgress, type Position } from './progress.ts'

interface Job {
  state: string
  waiting: Waiting | null
}

interface WatchOptions<J extends Job> {
  label: string
  read: () => Promise<J>
  position: (job: J) => Position
  output: Output
  /** Gets the job as first read, and again after each change. */
  onChange?: ((job: J) => void) | undefined
  /** The command that reattaches after Ctrl-C. */
  reattach: string
}

const FIRST_POLL_MS = 100
const POLL_MS = 1_000
/** A job survives a restart of the Worker, so a few failed polls do not end the watching. */
const MAX_FAILED_POLLS = 30

/** Whether a backfill or a verification has ended. */
export function isOver({ state }: { state: string }): boolean {
  return /^(?:completed|cancelled)/.test(state)
}

/** Shows a job's progress until it ends. */
export async function watchJob<J extends Job>(options: WatchOptions<J>): Promise<J> {
  const { label, read, position, output, onChange, reattach } = options
  const progress = createProgress({ label, show: count }, output)
  const stopListening = output.onInterrupt(
    `Stopped watching; the job keeps running. Reattach with: ${reattach}`,
  )
  try {
    // If the very first request fails, the URL is probably wrong: no retries then.
    let job = await read()
    onChange?.(job)
    // Short jobs end within the first second.
    for (let wait = FIRST_POLL_MS; !isOver(job); wait = Math.min(2 * wait, POLL_MS)) {
      const { note, ...rest } = position(job)
      progress.update({ ...rest, note: [note, stallOf(job)].filter(Boolean).join(', ') })
      await sleep(wait)
      const next = await readWithRetries(options)
      if (JSON.stringify(next) !== JSON.stringify(job)) onChange?.(next)
      job = next
    }
    return job
  } finally {
    progress.end()
    stopListening()
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
function stallOf({ state, waiting }: Job): string | false {
  if (waiting) return `waiting for ${waiting.backend}: ${waiting.detail}`
  return state === 'paused' && state
}
