import { setTimeout as sleep } from 'node:timers/promises'
import { networkReason } from './describe-error.ts'
import { count } from './format.ts'
import { ApiError, type Waiting } from '../client/client.ts'
import { createProgress } from './progress.ts'
import type { Output } from './output.ts'

interface Job {
  id: string
  state: string
  waiting: Waiting | null
}

export interface WatchOptions<J extends Job> {
  label: string
  read: () => Promise<J>
  isOver: (job: J) => boolean
  /** How far it is; the total once it is known. */
  position: (job: J) => { value: number; total?: number; note?: string }
  output: Output
  /** How to see the job again after Ctrl-C. */
  again: string
}

const POLL_MS = 1_000
/** A job outlives a Worker's restart, and so does watching it. */
const MAX_LOST = 30

/** Shows how a job goes on until it is over. With --json every change is one line of standard output. */
export async function watchJob<J extends Job>(options: WatchOptions<J>): Promise<J> {
  const { output, again, label } = options
  const progress = createProgress({ label, show: count, quiet: output.quiet || output.json })
  const onInterrupt = () =>
    output.interrupted(`The job keeps running in the Worker. See it again with: ${again}`)
  process.prependOnceListener('SIGINT', onInterrupt)
  try {
    let before = ''
    for (;;) {
      // An address where no job was ever seen is wrong, more likely than away for a while.
      const job = before === '' ? await options.read() : await patiently(options)
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

async function patiently<J extends Job>({ read, output }: WatchOptions<J>): Promise<J> {
  for (let lost = 0; ; lost += 1) {
    try {
      return await read()
    } catch (error) {
      const reason = error instanceof ApiError && error.status >= 500 ? error.message : networkReason(error)
      if (reason === undefined || lost >= MAX_LOST) throw error
      if (lost === 2) output.note(`${reason}; trying again`)
      await sleep(POLL_MS)
    }
  }
}

/** What keeps a job from going on, if anything does. */
function noteOf({ state, waiting }: Job): string | undefined {
  if (waiting) return `waiting for ${waiting.backend}: ${waiting.error}`
  return state === 'paused' ? state : undefined
}
