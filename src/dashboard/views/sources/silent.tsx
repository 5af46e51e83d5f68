import type { BackendDescription, SourceJson } from '../../../client/client.ts'
import { CopyButton } from '../../parts/copy-button.tsx'
import { showType } from '../../parts/result.ts'
import { base } from '../../session.ts'
import { revalidatesAfter } from './events.ts'

interface Props {
  sources: readonly SourceJson[]
  backends: readonly BackendDescription[]
}

/** Sources that have sent no event, and where they would send them. */
export function Silent({ sources, backends }: Props) {
  // KV neither sends notifications nor is compared on read.
  const listed = backends.filter(
    ({ name, type }) => type !== 'kv' && sources.some(({ backend }) => backend === name),
  )
  if (listed.length === 0) return null
  return (
    <section class="card" aria-labelledby="silent-title">
      <h2 id="silent-title">No events yet</h2>
      <p class="muted">
        What changes at these backends after it was copied stays as it was copied, until they send events, or
        copies are compared when they are read.
      </p>
      <ul class="silent">
        {listed.map((backend) => (
          <li key={backend.name}>
            <h3>
              {backend.name} <span class="muted small">{showType(backend.type)}</span>
            </h3>
            <Address backend={backend} />
            {backend.type !== 'r2' && <p class="muted small">{onRead(backend)}</p>}
          </li>
        ))}
      </ul>
    </section>
  )
}

function Address({ backend: { name, type } }: { backend: BackendDescription }) {
  if (type === 'r2')
    return (
      <p class="small">
        Let this Worker consume the bucket’s notifications: from a queue whose name ends in{' '}
        <code>source-events</code>.
      </p>
    )
  const address = `${base}-/api/events/${encodeURIComponent(name)}`
  return (
    <div class="address">
      <code>POST {address}</code>
      <CopyButton text={address} label="Copy" copied={`The address for events of ${name} was copied`} />
    </div>
  )
}

function onRead(backend: BackendDescription): string {
  const after = revalidatesAfter(backend)
  return after === null
    ? 'Copies are not compared when they are read: revalidate_seconds is not set.'
    : `Copies are compared when they are read, at most once in ${after}.`
}
