import type { Verification } from '../../client/client.ts'
import { Icon } from '../parts/icon.tsx'
import { Loading, Page, Stale } from '../parts/page.tsx'
import { Problem } from '../parts/problem.tsx'
import { usePoll } from '../poll.ts'
import type { Route } from '../route.ts'
import { client, may } from '../session.ts'
import { Statement } from './migration/statement.tsx'
import { Differences } from './migration/differences.tsx'
import { isRollback } from './migration/verifications.ts'
import { NeedsAdmin } from '../parts/needs-admin.tsx'

/** The result of a verification, as a page to keep or to print. */
export function Certificate({ route }: { route: Extract<Route, { view: 'verification' }> }) {
  if (!may('admin'))
    return (
      <Page title="Certificate">
        <NeedsAdmin>Backfills and verifications need</NeedsAdmin>
      </Page>
    )
  return <Loaded id={route.job} />
}

function Loaded({ id }: { id: string }) {
  const { data, error, at, reload } = usePoll(`verification/${id}`, () => client.verification(id), {
    every: ({ state }: Verification) => (state === 'running' ? 1000 : null),
  })
  return (
    <Page
      title="Certificate"
      actions={
        <>
          {data && isRollback(data) ? (
            <a class="button" href="#/rollback">
              <Icon name="arrow-left" /> Way back
            </a>
          ) : (
            <a class="button" href="#/migration">
              <Icon name="arrow-left" /> Migration
            </a>
          )}
          <button type="button" class="primary" onClick={() => print()}>
            <Icon name="printer" /> Print
          </button>
        </>
      }
    >
      <div class="stack">
        <Stale at={at} error={error} />
        {!data && (error === undefined ? <Loading /> : <Problem error={error} retry={reload} />)}
        {data && <Statement job={data} />}
        {data && <Differences key={data.state} job={data} />}
      </div>
    </Page>
  )
}
