import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Backfill, Verification } from '../../client/client.ts'
import { navigate } from '../navigation.ts'
import { Icon } from '../parts/icon.tsx'
import { Loading, Page, Stale } from '../parts/page.tsx'
import { Problem } from '../parts/problem.tsx'
import { Treemap } from '../parts/treemap.tsx'
import { type Polled, usePoll } from '../poll.ts'
import type { Route } from '../route.ts'
import { client, may } from '../session.ts'
import { Failures } from './migration/failures.tsx'
import { FallbackCard } from './migration/fallback-card.tsx'
import { JobCard } from './migration/job-card.tsx'
import { JobLists } from './migration/job-lists.tsx'
import { JobPlots } from './migration/job-plots.tsx'
import { chooseJob, isMoving } from './migration/jobs.ts'
import { NeedsAdmin } from './migration/needs-admin.tsx'
import { ReadsPlot } from './migration/reads-plot.tsx'
import { StartDialog } from './migration/start-dialog.tsx'
import { VerificationCard } from './migration/verification-card.tsx'

const MOVING_MS = 1000
const IDLE_MS = 10_000
/** A list costs a request for each of its jobs. */
const LIST_MS = 60_000

export function Migration({ route }: { route: Extract<Route, { view: 'migration' }> }) {
  if (!may('admin'))
    return (
      <Page title="Migration">
        <NeedsAdmin />
      </Page>
    )
  return <Overview chosen={route.job} />
}

/** A list of jobs, and the one that is shown, which is asked for more often. */
function useJob<Job extends Backfill | Verification>(
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
  const job = latest.data ?? jobs.data?.find((one) => one.id === id)
  const reload = (): void => {
    jobs.reload()
    latest.reload()
  }
  // The list shows how it ended, too.
  useEffect(() => {
    if (latest.data && jobs.data?.some((one) => one.id === id && one.state !== latest.data?.state))
      jobs.reload()
  }, [latest.data?.state])
  return { jobs, id, job, latest: latest as Polled<Job | null>, reload }
}

function Overview({ chosen }: { chosen: string | undefined }) {
  const isStarting = useSignal(false)
  const backfills = useJob('backfills', client.backfills, client.backfill, {
    choose: (jobs) => chosen ?? chooseJob(jobs)?.id,
    moves: isMoving,
  })
  const verifications = useJob('verifications', client.verifications, client.verification, {
    choose: ([newest]) => newest?.id,
    moves: ({ state }) => state === 'running',
  })
  const { job } = backfills
  return (
    <Page
      title="Migration"
      actions={
        backfills.jobs.data && (
          <button type="button" class="primary" onClick={() => (isStarting.value = true)}>
            <Icon name="play" /> Start a backfill …
          </button>
        )
      }
    >
      <div class="stack">
        <Stale at={backfills.latest.at} error={backfills.latest.error} />
        <div class="migration-top">
          {job ? <JobCard job={job} onChange={backfills.reload} /> : <NoJob {...backfills} />}
          <FallbackCard />
        </div>
        <div class="columns">
          {job && !job.dry_run && <JobPlots key={job.id} job={job} />}
          <ReadsPlot />
        </div>
        <div class="columns">
          {job && job.failed > 0 && <Failures key={job.id} job={job} onRetry={backfills.reload} />}
          <Coverage verifications={verifications.jobs.data ?? []} latest={verifications.job} />
        </div>
        {verifications.jobs.data ? (
          <VerificationCard job={verifications.job} onChange={verifications.reload} />
        ) : (
          // Without jobs, the first notice says why already.
          backfills.jobs.data &&
          verifications.jobs.error !== undefined && (
            <Problem error={verifications.jobs.error} retry={verifications.reload} />
          )
        )}
        {backfills.jobs.data && (
          <JobLists
            backfills={backfills.jobs.data}
            verifications={verifications.jobs.data ?? []}
            shown={backfills.id}
          />
        )}
      </div>
      {isStarting.value && (
        <StartDialog
          onClose={() => (isStarting.value = false)}
          onStarted={({ id }) => {
            isStarting.value = false
            backfills.jobs.reload()
            navigate({ view: 'migration', job: id })
          }}
        />
      )}
    </Page>
  )
}

function NoJob({
  jobs,
  latest,
  id,
  reload,
}: Pick<ReturnType<typeof useJob<Backfill>>, 'jobs' | 'latest' | 'id' | 'reload'>) {
  const error = id === undefined ? jobs.error : latest.error
  if (error !== undefined) return <Problem error={error} retry={reload} />
  if (!jobs.data || id !== undefined) return <Loading />
  return (
    <section class="card no-job">
      <h2>Nothing is being copied</h2>
      <p class="muted">
        A backfill copies everything that only the fallbacks have into the primary, while reads go on. A dry
        run first says how much that is and what it costs.
      </p>
    </section>
  )
}

function Coverage({
  verifications,
  latest,
}: {
  verifications: readonly Verification[]
  latest: Verification | undefined
}) {
  const job = [...(latest ? [latest] : []), ...verifications].find(({ prefixes }) => prefixes.length > 0)
  return (
    <section class="card" aria-labelledby="coverage-title">
      <h2 id="coverage-title">Coverage by folder</h2>
      {job ? (
        <Treemap
          label="Objects of the fallbacks by folder, and how many of them the primary has"
          parts={job.prefixes}
        />
      ) : (
        <p class="muted">Not known yet: a verification counts it.</p>
      )}
    </section>
  )
}
