import type { Series } from '../../client/client.ts'
import { chain, chainError } from '../chain.ts'
import { Icon } from '../parts/icon.tsx'
import { NeedsAdmin } from '../parts/needs-admin.tsx'
import { Loading, Page } from '../parts/page.tsx'
import { Problem } from '../parts/problem.tsx'
import { usePoll } from '../poll.ts'
import { client, may } from '../session.ts'
import { BackendCard } from './health/backend-card.tsx'
import { DeadLetters } from './health/dead-letters.tsx'
import { Mirrors } from './health/mirrors.tsx'
import { Settings } from './health/settings.tsx'
import { Traffic } from './health/traffic.tsx'

const EVERY_MS = 30_000
const DAY_MS = 86_400_000

/** How every backend is, now and over the last day; what could not be copied; how the chain is configured. */
export function Health() {
  if (!may('admin'))
    return (
      <Page title="Health">
        <NeedsAdmin>The state of the backends needs</NeedsAdmin>
      </Page>
    )
  return <HealthOfChain />
}

function loadDay(): Promise<Series> {
  return client.series('health', { from: new Date(Date.now() - DAY_MS), step: 900 })
}

function HealthOfChain() {
  const health = usePoll('series/health', loadDay, { every: EVERY_MS })
  const described = chain.value
  return (
    <Page title="Health">
      {!described && (chainError.value === undefined ? <Loading /> : <Problem error={chainError.value} />)}
      {described && (
        <div class="stack">
          {chainError.value !== undefined && <Problem error={chainError.value} />}
          {described.warnings.map(({ backend, detail }) => (
            <p class="notice tone-warn" key={backend + detail}>
              <Icon name="triangle-alert" />
              <span>
                <b>{backend}</b>: {detail}
              </span>
            </p>
          ))}
          <div class="columns">
            {described.backends.map((backend) => (
              <BackendCard
                key={backend.name}
                backend={backend}
                at={health.data?.at}
                series={health.data?.backends[backend.name]}
              />
            ))}
          </div>
          <p class="muted small">
            State, errors and quantiles are those that one isolate of the Worker has seen; others may have
            seen more. The lines show the last 24 hours in intervals of 15 minutes, as all isolates have
            reported them; that of errors is the share of the requests that failed.
          </p>
          <Traffic />
          {described.backends.some(({ role }) => role === 'mirror') && <Mirrors />}
          <DeadLetters />
          <Settings chain={described} />
        </div>
      )}
    </Page>
  )
}
