import type { ComponentChildren } from 'preact'
import type { Verification } from '../../../client/client.ts'
import { placesOf } from '../../../schemas/compared-with.ts'
import { chain } from '../../chain.ts'
import { formatCount, formatList, formatPercent, formatTime } from '../../format.ts'
import { Folder } from '../../parts/folder.tsx'
import { base } from '../../session.ts'
import { Conditions, Signature } from './conditions.tsx'
import { Verdict } from './verification-card.tsx'
import { describeComparison, isRollback, REASONS, resultsOf } from './verifications.ts'

const MAX_PREFIXES = 20

/** What was compared, what was found, and what follows from it. */
export function Statement({ job }: { job: Verification }) {
  return (
    <article class="card certificate" aria-label="Certificate">
      <header class="letterhead">
        <p>
          <strong>fallback-storage</strong> <span class="muted">{base}</span>
        </p>
        <p class="muted">Verification {job.id}</p>
      </header>
      <Verdict job={job} />
      <p>{describeComparison(job)}</p>
      <Conclusion job={job} />
      <Conditions job={job} />
      <h2>What was found</h2>
      <table>
        <tbody>
          <Row label="compared" count={job.compared} meaning={`${formatPercent(job.coverage)} covered`} />
          {resultsOf(job).map(([kind, meaning]) => (
            <Row key={kind} label={kind.replaceAll('_', ' ')} count={job[kind] ?? 0} meaning={meaning} />
          ))}
        </tbody>
      </table>
      <LeftOut job={job} />
      <Prefixes job={job} />
      <Origin job={job} />
      <Signature job={job} />
    </article>
  )
}

function Conclusion({ job }: { job: Verification }) {
  if (job.state === 'running') return null
  const places = placesOf(job)
  if (job.reasons.length === 0 && isRollback(job))
    return (
      <p>
        Everything that {formatList(places)} {places.length === 1 ? 'holds' : 'hold'} is in{' '}
        {formatList(job.fallbacks)}, and what was deleted is not
        {job.accepted.some(({ count }) => count > 0) && ', except for what was accepted'}.
      </p>
    )
  if (job.reasons.length === 0)
    return (
      <p>
        Everything that {formatList(job.fallbacks)} {job.fallbacks.length === 1 ? 'holds' : 'hold'} is in{' '}
        {places.join(' or ')}, or was deleted there
        {job.accepted.some(({ count }) => count > 0) && ', except for what was accepted'}.
      </p>
    )
  return (
    <>
      <h2>Reasons against {isRollback(job) ? 'rolling back' : 'detaching'}</h2>
      <ul>
        {job.reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
    </>
  )
}

function Row({ label, count, meaning }: { label: string; count: number; meaning: ComponentChildren }) {
  return (
    <tr>
      <th scope="row">{label}</th>
      <td class="number">{formatCount(count)}</td>
      <td class="muted">{meaning}</td>
    </tr>
  )
}

function LeftOut({ job }: { job: Verification }) {
  const accepted = new Map(job.accepted.map(({ reason, count }) => [reason, count]))
  const counts = { ...job.left_out, equal_by_size: job.equal_by_size }
  const rows = REASONS.filter(({ reason }) => accepted.has(reason) || (counts[reason] ?? 0) > 0)
  if (rows.length === 0) return null
  return (
    <>
      <h2>What was left out, or accepted</h2>
      <table>
        <tbody>
          {rows.map(({ reason, meaning }) => (
            <Row
              key={reason}
              label={reason.replaceAll('_', ' ')}
              count={accepted.get(reason) ?? counts[reason] ?? 0}
              meaning={
                <>
                  {meaning}: <b>{accepted.has(reason) ? 'accepted' : 'not accepted'}</b>
                </>
              }
            />
          ))}
        </tbody>
      </table>
    </>
  )
}

function Prefixes({ job: { prefixes } }: { job: Verification }) {
  if (prefixes.length === 0) return null
  const largest = prefixes.toSorted((one, other) => other.objects - one.objects).slice(0, MAX_PREFIXES)
  const more = prefixes.length - largest.length
  return (
    <>
      <h2>Coverage by folder</h2>
      <table class="folders">
        <tbody>
          {largest.map(({ prefix, objects, covered, coverage }) => (
            <tr key={prefix}>
              <th scope="row">
                <Folder prefix={prefix} max={60} />
              </th>
              <td class="number">
                {formatCount(covered)} of {formatCount(objects)}
              </td>
              <td class="number">{formatPercent(coverage)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p class="muted small">And {formatCount(more)} smaller folders.</p>}
    </>
  )
}

/** By whom, when, and between which backends. */
function Origin({ job }: { job: Verification }) {
  const typeOf = (name: string): string => {
    const type = chain.value?.backends.find((backend) => backend.name === name)?.type
    return type === undefined ? name : `${name} (${type})`
  }
  const facts = {
    Primary: typeOf(job.primary),
    [isRollback(job) ? 'Mirrors' : 'Fallbacks']: job.fallbacks.map(typeOf).join(', '),
    Started: `${formatTime(job.started)}${job.started_by === null ? '' : ` by ${job.started_by}`}`,
    Ended: job.finished === null ? job.state : formatTime(job.finished),
    'As of': job.as_of === null ? 'no pass has been completed' : formatTime(job.as_of),
    Passes: formatCount(job.passes),
  }
  return (
    <>
      <h2>How and when</h2>
      <dl class="facts">
        {Object.entries(facts).map(([term, fact]) => [
          <dt key={term}>{term}</dt>,
          <dd key={`${term} is`}>{fact}</dd>,
        ])}
      </dl>
    </>
  )
}
