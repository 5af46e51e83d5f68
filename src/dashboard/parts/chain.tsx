import type { Explanation } from '../../client/client.ts'
import { Icon } from './icon.tsx'
import { showResult, showType } from './result.ts'

interface Props {
  explanation: Explanation
  /** Draws the object as a dot that travels when another backend would serve it. */
  travels?: boolean
}

/** The chain as a read goes through it, with what each backend said about the name. Vertical where it is narrow. */
export function Chain({ explanation, travels = false }: Props) {
  const { backends, would_serve: serving, migration } = explanation
  const index = (name: string | null): number => backends.findIndex((backend) => backend.name === name)
  const from = index(serving)
  const to = index(migration.target)
  return (
    <figure class={backends.length > 3 ? 'chain is-long' : 'chain'}>
      <div class="chain-drawing" style={{ '--count': backends.length }}>
        <ol aria-label="The chain, in the order in which it is tried">
          {backends.map((backend) => (
            <ChainBackend key={backend.name} backend={backend} explanation={explanation} />
          ))}
        </ol>
        {travels ? (
          <Track explanation={explanation} at={from} />
        ) : (
          migration.state === 'pending' && (
            <div
              class="chain-copy"
              style={{ '--from': from, '--to': to, '--span': from - to + 1 }}
              aria-hidden="true"
            />
          )
        )}
      </div>
      <figcaption>
        <NextRead explanation={explanation} />
      </figcaption>
    </figure>
  )
}

function ChainBackend({
  backend,
  explanation,
}: {
  backend: Explanation['backends'][number]
  explanation: Explanation
}) {
  const { name, type, latency_ms: latency, detail } = backend
  const { word, icon, tone } = showResult(backend, explanation)
  const serves = name === explanation.would_serve
  return (
    <li class={serves ? 'chain-backend is-serving' : 'chain-backend'} title={detail}>
      <span class="chain-name">
        <b>{name}</b> <span class="muted small">{showType(type)}</span>
      </span>
      <span class={`chain-result tone-${tone}`}>
        <Icon name={icon} /> {word}
        {latency !== undefined && <span class="chain-latency">{formatLatency(latency)}</span>}
      </span>
      {serves && <span class="chain-serves">would serve it</span>}
    </li>
  )
}

/** One stop for each backend, filled where the object is, and the dot at the one that would serve it. */
function Track({ explanation, at }: { explanation: Explanation; at: number }) {
  return (
    <div class="chain-track" aria-hidden="true">
      {explanation.backends.map(({ name, result }) => (
        <span key={name} class={result === 'hit' ? 'chain-stop is-held' : 'chain-stop'} />
      ))}
      <span class={at < 0 ? 'chain-dot is-gone' : 'chain-dot'} style={{ '--at': Math.max(0, at) }} />
    </div>
  )
}

/** What the next read does. */
function NextRead({
  explanation: { would_serve: serving, tombstone, migration },
}: {
  explanation: Explanation
}) {
  if (tombstone) return <>A read gets 404: the name is deleted in {tombstone.backend}.</>
  if (migration.state === 'pending')
    return (
      <span class="tone-accent">
        A read is answered by {serving}, and would copy it to {migration.target}.
      </span>
    )
  if (serving === null)
    return migration.state === 'unknown' ? (
      <>A read fails: {migration.reason}.</>
    ) : (
      <>A read gets 404: {migration.reason}.</>
    )
  if (migration.state === 'present') return <>A read is answered by {serving}. There is nothing to copy.</>
  return (
    <>
      A read is answered by {serving}, and copies nothing: {migration.reason}.
    </>
  )
}

function formatLatency(milliseconds: number): string {
  if (milliseconds < 1) return '< 1 ms'
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`
}
