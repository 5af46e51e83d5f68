import { useSignal } from '@preact/signals'
import type { ConflictPage } from '../../../client/client.ts'
import { formatAgo, formatCount } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { Loading, Stale } from '../../parts/page.tsx'
import { describeShort, Problem } from '../../parts/problem.tsx'
import { showToast } from '../../parts/toast.tsx'
import { usePoll } from '../../poll.ts'
import { formatRoute } from '../../route.ts'
import { client } from '../../session.ts'
import { describeVersion } from './events.ts'

const EVERY_MS = 10_000
const STEP = 50
/** The most that one answer has. */
const MAX = 1000

/** Names that were saved here and differ at a source: what each side has, and how to decide. */
export function Conflicts() {
  const limit = useSignal(STEP)
  const { data, error, at, reload } = usePoll('conflicts', () => client.conflicts({ limit: limit.value }), {
    every: EVERY_MS,
  })
  const conflicts = data?.conflicts ?? []
  return (
    <section class="card" aria-labelledby="conflicts-title">
      <h2 id="conflicts-title">Conflicts{data && data.total > 0 && ` (${formatCount(data.total)})`}</h2>
      {!data && (error === undefined ? <Loading /> : <Problem error={error} retry={reload} />)}
      <Stale at={at} error={error} />
      {data?.total === 0 && (
        <p class="no-conflicts">
          <Icon name="circle-check" /> None. A name that was saved here and has also changed at its source
          would be listed.
        </p>
      )}
      {conflicts.length > 0 && <HowToDecide />}
      <ul class="conflicts">
        {conflicts.map((conflict) => (
          <Conflict key={`${conflict.backend} ${conflict.name}`} conflict={conflict} onDismiss={reload} />
        ))}
      </ul>
      {data && data.cursor !== null && limit.value < MAX && (
        <button
          type="button"
          class="more"
          onClick={() => {
            limit.value = Math.min(MAX, limit.value * 4)
            reload()
          }}
        >
          Show more
        </button>
      )}
      {data && data.cursor !== null && limit.value >= MAX && (
        <p class="muted small">
          The latest {formatCount(MAX)}. <code>fallback-storage conflicts</code> lists all of them.
        </p>
      )}
    </section>
  )
}

function HowToDecide() {
  return (
    <div class="muted">
      <p>These names were saved here, and their source has another object. Nothing was changed.</p>
      <ul>
        <li>
          To keep what is here, dismiss the entry. It comes back if the source changes the object again.
        </li>
        <li>
          To take the source’s version, replace what is here with its bytes:{' '}
          <code>fallback-storage put FILE NAME</code>. Uploads on this page never replace an object.
        </li>
      </ul>
    </div>
  )
}

function Conflict({
  conflict: { name, backend, detail, held, found, seen },
  onDismiss,
}: {
  conflict: ConflictPage['conflicts'][number]
  onDismiss: () => void
}) {
  const isDismissing = useSignal(false)
  const dismiss = async (): Promise<void> => {
    isDismissing.value = true
    try {
      await client.dismissConflict(backend, name)
    } catch (error) {
      isDismissing.value = false
      showToast(describeShort(error), { tone: 'bad' })
    }
    onDismiss()
  }
  return (
    <li>
      <p>
        <a href={formatRoute({ view: 'object', name })}>
          <Name name={name} max={120} />
        </a>{' '}
        <span class="muted small">compared {formatAgo(seen)}</span>{' '}
        <button
          type="button"
          aria-label={`Dismiss ${name}`}
          disabled={isDismissing.value}
          onClick={() => void dismiss()}
        >
          Dismiss
        </button>
      </p>
      <dl class="facts small">
        <dt>primary</dt>
        <dd>{describeVersion(held)}</dd>
        <dt>{backend}</dt>
        <dd>{describeVersion(found)}</dd>
      </dl>
      <p class="muted small">{detail}</p>
    </li>
  )
}
