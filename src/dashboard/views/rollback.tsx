import { useSignal } from '@preact/signals'
import { chain, chainError } from '../chain.ts'
import { lazy } from '../lazy.tsx'
import { NeedsAdmin } from '../parts/needs-admin.tsx'
import { Loading, Page, Stale } from '../parts/page.tsx'
import { Problem } from '../parts/problem.tsx'
import { usePoll } from '../poll.ts'
import { client, may } from '../session.ts'
import { chooseResync, isMoving } from './migration/jobs.ts'
import { Missing } from './migration/missing.tsx'
import { Sections } from './migration/sections.tsx'
import { useJob } from './migration/use-job.ts'
import { VerificationCard } from './migration/verification-card.tsx'
import { chooseVerification, isRollback } from './migration/verifications.ts'
import { MirrorCard } from './rollback/mirror-card.tsx'

const EVERY_MS = 5000

// Loaded where there is a resync.
const ResyncDialog = lazy(async () => (await import('./migration/resync.tsx')).ResyncDialog)
const ResyncProgress = lazy(async () => (await import('./migration/resync.tsx')).ResyncProgress)

/** Whether a move can be undone: how far the mirrors have followed, and what a verification of the way back found. */
export function Rollback() {
  if (!may('admin'))
    return (
      <Page title="Way back">
        <NeedsAdmin>Mirrors and verifications need</NeedsAdmin>
      </Page>
    )
  const known = chain.value
  return (
    <Page title="Way back">
      {known && <Sections current="rollback" />}
      {!known && (chainError.value === undefined ? <Loading /> : <Problem error={chainError.value} />)}
      {known &&
        (known.backends.some(({ role }) => role === 'mirror') ? (
          <WayBack />
        ) : (
          <p class="muted">
            No backend is a mirror. With <code>mirror = true</code>, the old storage receives every change of
            the primary, so that a move can be undone.
          </p>
        ))}
    </Page>
  )
}

function WayBack() {
  const resyncing = useSignal<string | undefined>(undefined)
  const mirrors = usePoll('mirrors', client.mirrors, { every: EVERY_MS })
  const resyncs = useJob('resyncs', client.backfills, client.backfill, {
    choose: (jobs) => chooseResync(jobs)?.id,
    moves: isMoving,
  })
  const verifications = useJob('rollbacks', client.verifications, client.verification, {
    choose: (jobs) => chooseVerification(jobs.filter(isRollback))?.id,
    moves: ({ state }) => state === 'running',
  })
  const { job } = resyncs
  const isReady = [mirrors, resyncs.jobs, verifications.jobs].every(({ data, error }) => data ?? error)
  if (!isReady) return <Loading />
  const polls = [mirrors, ...pollsOf(resyncs), ...pollsOf(verifications)]
  const failing = polls.find(({ at, error }) => at !== undefined && error !== undefined)
  return (
    <div class="stack">
      <Stale at={failing?.at} error={failing?.error} />
      {!mirrors.data && <Problem error={mirrors.error} retry={mirrors.reload} />}
      {verifications.all ? (
        <VerificationCard
          direction="rollback"
          jobs={verifications.all.filter(isRollback)}
          onChange={verifications.reload}
        />
      ) : (
        <Problem error={verifications.jobs.error} retry={verifications.reload} />
      )}
      {!resyncs.jobs.data && (
        <section aria-label="Resyncs">
          <p class="muted">No resync can be started or watched here, because the jobs cannot be loaded.</p>
          <Missing error={resyncs.jobs.error} retry={resyncs.reload} />
        </section>
      )}
      {mirrors.data?.map((mirror) => (
        <MirrorCard
          key={mirror.name}
          mirror={mirror}
          onResync={resyncs.jobs.data && (() => (resyncing.value = mirror.name))}
        />
      ))}
      {job && <ResyncProgress job={job} onChange={resyncs.reload} />}
      {resyncing.value !== undefined && (
        <ResyncDialog
          mirror={resyncing.value}
          onClose={() => {
            resyncing.value = undefined
            // The comparison is the latest verification.
            verifications.reload()
          }}
          onStarted={() => {
            resyncing.value = undefined
            resyncs.reload()
            verifications.reload()
          }}
        />
      )}
    </div>
  )
}

/** The list of jobs and the job that is shown. Before its own first answer, that job is as old as the list. */
function pollsOf({ jobs, latest }: Pick<ReturnType<typeof useJob>, 'jobs' | 'latest'>) {
  return [jobs, { at: latest.at ?? jobs.at, error: latest.error }]
}
