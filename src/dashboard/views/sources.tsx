import { chain, chainError } from '../chain.ts'
import { NeedsAdmin } from '../parts/needs-admin.tsx'
import { Loading, Page, Stale } from '../parts/page.tsx'
import { usePoll } from '../poll.ts'
import { client, may } from '../session.ts'
import { Missing } from './migration/missing.tsx'
import { Sections } from './migration/sections.tsx'
import { Conflicts } from './sources/conflicts.tsx'
import { Silent } from './sources/silent.tsx'
import { SourceCard } from './sources/source-card.tsx'

const EVERY_MS = 5000

/** What the sources have said of their changes, what came of it, and what only a person can decide. */
export function Sources() {
  if (!may('admin'))
    return (
      <Page title="Source changes">
        <NeedsAdmin>Events and conflicts need</NeedsAdmin>
      </Page>
    )
  return <Changes />
}

function Changes() {
  const { data, error, at, reload } = usePoll('events', client.events, { every: EVERY_MS })
  const known = chain.value
  const failure = data ? chainError.value : error
  const heard = data?.filter(({ last_received: received }) => received !== null) ?? []
  const silent = data?.filter(({ last_received: received }) => received === null) ?? []
  return (
    <Page title="Source changes">
      {known && <Sections current="sources" />}
      {(!data || !known) &&
        (failure === undefined ? <Loading /> : <Missing error={failure} retry={data ? undefined : reload} />)}
      {data && known && (
        <div class="stack">
          <Stale at={at} error={error} />
          {data.length === 0 && <p class="muted">There is only the primary, so nothing is copied from it.</p>}
          {heard.map((source) => (
            <SourceCard key={source.backend} source={source} />
          ))}
          {data.length > 0 && <Conflicts />}
          {silent.length > 0 && <Silent sources={silent} backends={known.backends} />}
        </div>
      )}
    </Page>
  )
}
