import type { Explanation } from '../../client/client.ts'
import { Actions } from './object/actions.tsx'
import { Comparison } from './object/comparison.tsx'
import { LastCopy, Tombstone } from './object/notices.tsx'
import { PriorVersions } from './object/prior-versions.tsx'
import { Chain } from '../parts/chain.tsx'
import { Icon } from '../parts/icon.tsx'
import { lastSegment, Name, visible } from '../parts/name.tsx'
import { Empty, Loading, Page, Stale } from '../parts/page.tsx'
import { Preview } from '../parts/preview.tsx'
import { Problem } from '../parts/problem.tsx'
import { usePoll } from '../poll.ts'
import { formatRoute, parentOf, type Route } from '../route.ts'
import { client, may } from '../session.ts'

/** One name: what it looks like, where it is, and what can be done with it. */
export function ObjectView({ route: { name } }: { route: Extract<Route, { view: 'object' }> }) {
  // Each explanation is a request to every backend, so it is loaded again only after a change.
  const { data, error, at, reload } = usePoll(`explain ${name}`, () => client.explain(name), { every: null })
  const onChange = (): void => {
    reload()
    // The button that was pressed may disappear.
    document.querySelector('h1')?.focus({ preventScroll: true })
  }
  return (
    <Page
      title={visible(lastSegment(name))}
      heading={<Heading name={name} />}
      actions={data && <Actions key={name} explanation={data} onChange={onChange} />}
    >
      {error !== undefined && data === undefined && <Problem error={error} retry={reload} />}
      <Stale at={at} error={data && error} />
      {data && <Details explanation={data} at={at} onChange={onChange} />}
      {!data && error === undefined && <Loading />}
    </Page>
  )
}

function Heading({ name }: { name: string }) {
  const folder = parentOf(name)
  return (
    <span class="object-heading">
      <a
        href={formatRoute({ view: 'browse', prefix: folder, filter: '' })}
        aria-label="Back to the folder"
        title="Back to the folder"
      >
        <Icon name="arrow-left" />
      </a>
      <Name name={name} max={160} />
    </span>
  )
}

interface DetailsProps {
  explanation: Explanation
  /** When it was loaded. */
  at: number | undefined
  onChange: () => void
}

function Details({ explanation, at, onChange }: DetailsProps) {
  const { name, would_serve: serving, backends, migration } = explanation
  const served = backends.find((backend) => backend.name === serving)
  return (
    <div class="stack">
      <Tombstone explanation={explanation} onChange={onChange} />
      <LastCopy explanation={explanation} onChange={onChange} />
      <div class="object-columns">
        <section class="card preview" aria-label="Preview">
          {served ? (
            <Preview name={name} contentType={served.content_type} size={served.size} version={served.etag} />
          ) : (
            <Empty title={whyNothing(explanation)} />
          )}
        </section>
        <section class="card">
          <h2>The chain</h2>
          <Chain explanation={explanation} />
          {migration.state === 'pending' && (
            <p class="muted small">
              Opening or downloading it is a read. The preview is none: it copies nothing.
            </p>
          )}
        </section>
      </div>
      <Comparison explanation={explanation} />
      {may('write') && <PriorVersions name={name} at={at} onChange={onChange} />}
    </div>
  )
}

function whyNothing({ tombstone, migration }: Explanation): string {
  if (tombstone) return 'Deleted'
  return migration.state === 'unknown' ? 'No backend could serve it' : 'No backend has it'
}
