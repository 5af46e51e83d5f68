import { Icon } from '../../parts/icon.tsx'
import type { Entries } from './listing.ts'

/** Says which backends' objects are missing: loudly if they failed, quietly if they can never list. */
export function Degraded({ entries, reload }: { entries: Entries; reload: () => void }) {
  const failed = entries.degraded.filter(({ error }) => error !== 'unsupported')
  const unlisted = entries.degraded.filter(({ error }) => error === 'unsupported')
  return (
    <>
      {failed.length > 0 && (
        <div class="notice tone-warn browse-notice" role="status">
          <Icon name="triangle-alert" />
          <div>
            {failed.map(({ name, error, detail }) => (
              <p key={name}>
                <strong>{name}</strong> failed ({error}: {detail}). What only it has may be missing here.
              </p>
            ))}
          </div>
          <button type="button" onClick={reload}>
            <Icon name="refresh-cw" /> Try again
          </button>
        </div>
      )}
      {unlisted.length > 0 && (
        <p class="muted small browse-notice">
          {unlisted.map(({ name }) => name).join(', ')} cannot list: what only{' '}
          {unlisted.length === 1 ? 'it has' : 'they have'} is not shown, but is served by its name.
        </p>
      )}
    </>
  )
}
