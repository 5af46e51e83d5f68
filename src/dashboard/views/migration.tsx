import { useSignal } from '@preact/signals'
import type { Backfill } from '../../client/client.ts'
import { chain, primary } from '../chain.ts'
import { navigate } from '../navigation.ts'
import { Icon } from '../parts/icon.tsx'
import { Loading, Page, Stale } from '../parts/page.tsx'
import { Problem } from '../parts/problem.tsx'
import type { Route } from '../route.ts'
import { client, may } from '../session.ts'
import { Coverage } from './migration/coverage.tsx'
import { Dependence } from './migration/dependence.tsx'
import { Failures } from './migration/failures.tsx'
import { FallbackCard } from './migration/fallback-card.tsx'
import { JobCard } from './migration/job-card.tsx'
import { JobLists } from './migration/job-lists.tsx'
import { JobPlots } from './migration/job-plots.tsx'
import { chooseJob, isMoving } from './migration/jobs.ts'
import { NeedsAdmin } from '../parts/needs-admin.tsx'
import { Sections } from './migration/sections.tsx'
import { StartDialog } from './migration/start-dialog.tsx'
import { useJob } from './migration/use-job.ts'
import { VerificationCard } from './migration/verification-card.tsx'
import { chooseVerification, isRollback } from './migration/verifications.ts'

export function Migration({ route }: { route: Extract<Route, { view: 'migration' }> }) {
  if (!may('admin'))
    return (
      <Page title="Migration">
        <NeedsAdmin>Backfills and verifications need</NeedsAdmin>
      </Page>
    )
  return <Overview chosen={route.job} />
}

function Overview({ chosen }: { chosen: string | undefined }) {
  const isStarting = useSignal(false)
  const backfills = useJob('backfills', client.backfills, client.backfill, {
    choose: (jobs) => chosen ?? chooseJob(jobs)?.id,
    moves: isMoving,
  })
  const verifications = useJob('verifications', client.verifications, client.verification, {
    choose: (jobs) => chooseVerification(jobs.filter((one) => !isRollback(one)))?.id,
    moves: ({ state }) => state === 'running',
  })
  const { job } = backfills
  const isAlone = chain.value?.backends.length === 1
  const hasFailures = job && job.failed > 0
  const detaching = verifications.all?.filter((one) => !isRollback(one))
  const coverage = detaching && !isAlone && <Coverage verifications={detaching} />
  // All at once, so that nothing moves when the second list arrives.
  const isReady = [backfills.jobs, verifications.jobs].every(({ data, error }) => data ?? error)
  return (
    <Page
      title="Migration"
      actions={
        backfills.jobs.data &&
        !isAlone && (
          <button type="button" class="primary" onClick={() => (isStarting.value = true)}>
            <Icon name="play" /> Start a backfill …
          </button>
        )
      }
    >
      {chain.value && <Sections current="migration" />}
      {!isReady && <Loading />}
      {isReady && (
        <div class="stack">
          {isAlone && (
            <p class="notice tone-idle">
              <Icon name="circle-check" /> No backend is behind {primary}: there is nothing left to copy or to
              compare.
            </p>
          )}
          <Stale at={backfills.latest.at} error={backfills.latest.error} />
          <div class="migration-top">
            {job ? <JobCard job={job} onChange={backfills.reload} /> : !isAlone && <NoJob {...backfills} />}
            <FallbackCard />
          </div>
          <div class="columns">
            {job && !job.dry_run && <JobPlots key={job.id} job={job} />}
            {hasFailures ? <Failures key={job.id} job={job} onRetry={backfills.reload} /> : coverage}
          </div>
          {hasFailures && coverage}
          <Dependence />
          {detaching
            ? !isAlone && (
                <VerificationCard direction="detach" jobs={detaching} onChange={verifications.reload} />
              )
            : // Without jobs, the first notice says why already.
              backfills.jobs.data &&
              verifications.jobs.error !== undefined && (
                <Problem error={verifications.jobs.error} retry={verifications.reload} />
              )}
          {backfills.jobs.data && (
            <JobLists
              backfills={backfills.jobs.data}
              verifications={verifications.all ?? []}
              shown={backfills.id}
            />
          )}
        </div>
      )}
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
        A backfill copies everything that has not moved yet, while reads go on. A dry run first says how much
        that is and what it costs.
      </p>
    </section>
  )
}
