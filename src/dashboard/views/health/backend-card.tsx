import type { BackendDescription, Series } from '../../../client/client.ts'
import { formatAgo, formatCount, formatShare, formatTime } from '../../format.ts'
import { Badge, type Tone } from '../../parts/badge.tsx'
import type { IconName } from '../../parts/icons.ts'
import { sharesOf } from '../../parts/plot-data.ts'
import { Sparkline } from '../../parts/sparkline.tsx'

type Health = NonNullable<BackendDescription['health']>

/** What each state of the circuit breaker means to an operator. */
const STATES: Record<Health['state'], { tone: Tone; icon: IconName; text: string }> = {
  closed: { tone: 'good', icon: 'circle-check', text: 'in use' },
  'half-open': { tone: 'warn', icon: 'circle-dashed', text: 'being tried again' },
  open: { tone: 'bad', icon: 'circle-x', text: 'skipped after failures' },
}

interface Props {
  backend: BackendDescription
  at: Series['at'] | undefined
  series: Series['backends'][string] | undefined
}

export function BackendCard({ backend: { name, type, role, health }, at, series }: Props) {
  const state = health && STATES[health.state]
  return (
    <section class="card health-card" aria-label={`Backend ${name}`}>
      <header>
        <h2>{name}</h2>
        <span class="muted small">
          {type} · {role}
        </span>
        {state ? (
          <Badge tone={state.tone} icon={state.icon}>
            {state.text}
          </Badge>
        ) : (
          <Badge tone="idle" icon="circle-dashed">
            not watched
          </Badge>
        )}
      </header>
      <Latency health={health} />
      {at && at.length > 0 && series && <Trend series={series} />}
      <Errors health={health} />
    </section>
  )
}

function Latency({ health }: { health: Health | undefined }) {
  const latency = health?.latency_ms
  if (!latency) return <p class="muted small">No request has reached it from this isolate yet.</p>
  const figures = [
    ['median', latency.p50],
    ['95 %', latency.p95],
    ['99 %', latency.p99],
  ] as const
  return (
    <dl class="figures">
      {figures.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd>
            {value < 10 ? value.toFixed(1) : formatCount(Math.round(value))} <small>ms</small>
          </dd>
        </div>
      ))}
    </dl>
  )
}

function Trend({ series }: { series: Series['backends'][string] }) {
  const errors = series['errors'] ?? []
  const p95 = series['p95'] ?? []
  const failed = errors.reduce((sum: number, value) => sum + (value ?? 0), 0)
  const shares = sharesOf(errors, series['attempts'] ?? [])
  const most = Math.max(0, ...shares.map((share) => share ?? 0))
  return (
    <dl class="trends">
      <div>
        <dt>Latency (95 %)</dt>
        <dd>
          <Sparkline label={`Latency of 95 % of the requests, up to ${highest(p95)} ms`} values={p95} />
        </dd>
      </div>
      <div class={failed > 0 ? 'tone-bad' : undefined}>
        <dt>
          Errors: {formatCount(failed)}
          {failed > 0 && ` (up to ${formatShare(most)})`}
        </dt>
        <dd>
          <Sparkline
            label={`Share of the requests that failed, up to ${formatShare(most)}`}
            values={shares}
          />
        </dd>
      </div>
    </dl>
  )
}

function highest(values: readonly (number | null)[]): number {
  return Math.round(Math.max(0, ...values.map((value) => value ?? 0)))
}

function Errors({ health }: { health: Health | undefined }) {
  const errors = health?.recent_errors ?? []
  if (errors.length === 0) return <p class="muted small">No recent errors.</p>
  const latest = errors.at(-1)
  return (
    <details>
      <summary>
        {errors.length === 1 ? 'One recent error' : `${errors.length} recent errors`}
        {latest && `, the latest ${formatAgo(latest.at)}: ${latest.detail}`}
      </summary>
      <ul class="plain">
        {errors.toReversed().map(({ at, error, detail }) => (
          <li key={at + detail}>
            <time dateTime={at} class="muted">
              {formatTime(at)}
            </time>{' '}
            <b>{error}</b> {detail}
          </li>
        ))}
      </ul>
    </details>
  )
}
