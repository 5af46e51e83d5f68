import type { ComponentChildren } from 'preact'
import type { Explanation, Finding } from '../../../client/client.ts'
import { formatAgo, formatBytes, formatCount, formatTime } from '../../format.ts'
import { Badge } from '../../parts/badge.tsx'
import { showResult, showType } from '../../parts/result.ts'
import { differences, type Difference, isHeld } from '../../compare.ts'

interface Fact {
  label: string
  /** Undefined where the backend does not say. */
  show: (finding: Finding) => ComponentChildren
  difference?: Difference
}

const FACTS: readonly Fact[] = [
  { label: 'Size', show: ({ size }) => size !== undefined && <Size bytes={size} />, difference: 'size' },
  { label: 'Type', show: ({ content_type: type }) => type, difference: 'content_type' },
  { label: 'ETag', show: ({ etag }) => etag && <code>{etag}</code>, difference: 'etag' },
  { label: 'Modified', show: ({ modified_time: time }) => time && <Time time={time} /> },
  { label: 'Version', show: ({ version }) => version && <code>{version}</code> },
  { label: 'Deleted', show: ({ deleted_time: time }) => time && <Time time={time} /> },
  { label: 'Copied', show: ({ provenance }) => provenance && <Time time={provenance.copied_time} /> },
  { label: 'Copied from', show: ({ provenance }) => provenance?.backend },
  { label: 'Error', show: ({ detail }) => detail },
]

/** What every backend has under the name, side by side. */
export function Comparison({ explanation }: { explanation: Explanation }) {
  const { backends, would_serve: serving } = explanation
  const differing = differences(explanation)
  const facts = FACTS.filter(({ show }) => backends.some((backend) => isShown(show(backend))))
  if (facts.length === 0) return null
  return (
    <section class="card">
      <h2>In every backend</h2>
      <table class="comparison">
        <thead>
          <tr>
            <th scope="col">
              <span class="visually-hidden">Fact</span>
            </th>
            {backends.map((backend) => (
              <th scope="col" key={backend.name}>
                <b>{backend.name}</b> {showType(backend.type)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Result</th>
            {backends.map((backend) => {
              const { word, icon, tone } = showResult(backend, explanation)
              return (
                <td key={backend.name} data-backend={backend.name}>
                  <Badge tone={tone} icon={icon}>
                    {word}
                  </Badge>
                </td>
              )
            })}
          </tr>
          {facts.map(({ label, show, difference }) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {backends.map((backend) => {
                const value = show(backend)
                const differs = difference && differing.get(backend.name)?.includes(difference)
                return (
                  <td
                    key={backend.name}
                    data-backend={backend.name}
                    class={isShown(value) ? '' : 'is-unknown'}
                  >
                    <div>
                      {isShown(value) ? value : '–'}
                      {differs && <Differs difference={difference} serving={serving} />}
                    </div>
                  </td>
                )
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {backends.filter(isHeld).length > 1 && (
        <p class="muted small">Every backend makes ETags and versions of its own, so those may differ.</p>
      )}
    </section>
  )
}

function isShown(value: ComponentChildren): boolean {
  return value !== undefined && value !== null && value !== false && value !== ''
}

function Differs({ difference, serving }: { difference: Difference; serving: string | null }) {
  return (
    <div>
      <Badge tone="warn" icon="triangle-alert">
        {difference === 'etag' ? 'changed since the copy' : `differs from ${serving}`}
      </Badge>
    </div>
  )
}

function Size({ bytes }: { bytes: number }) {
  return (
    <>
      {formatBytes(bytes)} {bytes >= 1000 && <span class="muted small">{formatCount(bytes)} B</span>}
    </>
  )
}

function Time({ time }: { time: string }) {
  return (
    <time dateTime={time}>
      {formatTime(time)} <span class="muted small">{formatAgo(time)}</span>
    </time>
  )
}
