import type { Mirror } from '../../../client/client.ts'
import { formatAgo, formatCount, formatDuration, plural } from '../../format.ts'
import { Badge } from '../../parts/badge.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { formatRoute } from '../../route.ts'
import { stateOf } from './mirrors.ts'

interface Props {
  mirror: Mirror
  /** Opens the dialog; undefined if no job can be started. */
  onResync: (() => void) | undefined
}

/** How far a mirror has followed the primary, and why some names did not. */
export function MirrorCard({ mirror, onResync }: Props) {
  const { name, pending, failed, skipped, oldest_pending_seconds: oldest, last_resync: resync } = mirror
  const { tone, icon, word } = stateOf(mirror)
  const id = `mirror-${name}`
  return (
    <section class="card" aria-labelledby={id}>
      <header class="card-head">
        <h2 id={id}>Mirror {name}</h2>
        <Badge tone={tone} icon={icon}>
          {word}
        </Badge>
        {onResync && (
          <div class="actions">
            <button type="button" onClick={onResync}>
              <Icon name="refresh-cw" /> Resync …
            </button>
          </div>
        )}
      </header>
      <dl class="counters">
        <Figure label="pending">{formatCount(pending)}</Figure>
        <Figure label="oldest">{oldest === null ? '–' : formatDuration(oldest)}</Figure>
        <Figure label="failed" isBad={failed > 0}>
          {formatCount(failed)}
        </Figure>
        {skipped > 0 && <Figure label="cannot be held there">{formatCount(skipped)}</Figure>}
        <Figure label="last resync">{resync === null ? 'never' : formatAgo(resync)}</Figure>
      </dl>
      <Failures mirror={mirror} />
    </section>
  )
}

function Figure({ label, isBad = false, children }: { label: string; isBad?: boolean; children: string }) {
  return (
    <div class={isBad ? 'tone-bad' : ''}>
      <dt>{label}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function Failures({ mirror: { failures } }: { mirror: Mirror }) {
  if (failures.length === 0) return null
  return (
    <>
      <h3 class="mirror-failures">Pending names that have failed so far</h3>
      <ul class="names">
        {failures.map(({ name, error, detail, attempts, since }) => (
          <li key={name}>
            <a href={formatRoute({ view: 'object', name })}>
              <Name name={name} max={120} />
            </a>
            <span class="muted small">
              {error}: {detail} · {plural(attempts, 'attempt')}, pending since {formatAgo(since)}
            </span>
          </li>
        ))}
      </ul>
      <p class="muted small">
        They are tried again automatically. If the mirror was down for long, a resync repairs everything at
        once.
      </p>
    </>
  )
}
