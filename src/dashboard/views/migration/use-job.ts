import { useEffect } from 'preact/hooks'
import type { Backfill, Verification } from '../../../client/client.ts'
import { type Polled, usePoll } from '../../poll.ts'

const MOVING_MS = 1000
const IDLE_MS = 10_000
/** A list costs a request for each of its jobs. */
const LIST_MS = 60_000

/** A list of jobs, and the one that is shown, which is loaded more often; `all` is the list with that one as it is now. */
export function useJob<Job extends Backfill | Verification>(
  kind: string,
  list: () => Promise<Job[]>,
  get: (id: string) => Promise<Job>,
  { choose, moves }: { choose: (jobs: readonly Job[]) => string | undefined; moves: (job: Job) => boolean },
) {
  const jobs = usePoll(kind, list, { every: LIST_MS })
  const id = choose(jobs.data ?? [])
  const latest = usePoll(`${kind}/${id}`, () => (id === undefined ? Promise.resolve(null) : get(id)), {
    every: (job) => (job === null ? null : moves(job) ? MOVING_MS : IDLE_MS),
  })
  const all = jobs.data?.map((one) => (one.id === latest.data?.id ? latest.data : one))
  const job = latest.data ?? all?.find((one) => one.id === id)
  const reload = (): void => {
    jobs.reload()
    latest.reload()
  }
  // The list shows how it ended, too.
  useEffect(() => {
    if (latest.data && jobs.data?.some((one) => one.id === id && one.state !== latest.data?.state))
      jobs.reload()
  }, [latest.data?.state])
  return { jobs, id, job, all, latest: latest as Polled<Job | null>, reload }
}
