import type { ComponentChildren } from 'preact'
import type { SourceJson } from '../../../client/client.ts'
import { formatAgo, formatCount, formatTime, plural } from '../../format.ts'
import { Badge } from '../../parts/badge.tsx'
import { Icon } from '../../parts/icon.tsx'
import { countsOf, describeLag, stateOf } from './events.ts'

/** What a source has said, how soon the copies followed, and what came of it. */
export function SourceCard({ source }: { source: SourceJson }) {
  const { backend, last_event: event, last_received: received, failed, accepted, ignored } = source
  const { tone, icon, word } = stateOf(source)
  const id = `source-${backend}`
  const lag = describeLag(source)
  return (
    <section class="card stack source-card" aria-labelledby={id}>
      <header class="card-head">
        <h2 id={id}>Events of {backend}</h2>
        <Badge tone={tone} icon={icon}>
          {word}
        </Badge>
        {received !== null && <span class="muted small">last received {formatAgo(received)}</span>}
      </header>
      <dl class="counters">
        {countsOf(source).map(({ label, count, needsAttention }) => (
          <div key={label} class={needsAttention ? 'tone-bad' : ''}>
            <dt>{label}</dt>
            <dd>{formatCount(count)}</dd>
          </div>
        ))}
      </dl>
      <dl class="facts small">
        <dt>Latest change there</dt>
        <dd>{event === null ? 'not known' : `${formatTime(event)} (${formatAgo(event)})`}</dd>
        <dt>Until the copy followed</dt>
        <dd>{lag ?? 'no event has been handled yet'}</dd>
      </dl>
      {accepted === 0 && ignored > 0 && (
        <Advice>
          None of the events is about a name of this backend. Compare its bucket, prefix, include and exclude
          with what the sender sends: the log line “source events” has the reasons.
        </Advice>
      )}
      {failed > 0 && (
        <Advice>
          {plural(failed, 'event')} failed for good. See <a href="#/health">copies that were given up</a> for
          the names and reasons, and verify before you detach: a verification finds what they were about.
        </Advice>
      )}
    </section>
  )
}

function Advice({ children }: { children: ComponentChildren }) {
  return (
    <p class="notice tone-warn">
      <Icon name="triangle-alert" /> <span>{children}</span>
    </p>
  )
}
