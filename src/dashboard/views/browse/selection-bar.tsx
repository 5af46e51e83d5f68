import { destinations } from '../../chain.ts'
import { formatBytes, plural } from '../../format.ts'
import { copyText } from '../../parts/copy-button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { may } from '../../session.ts'
import { linksTo, migrate, running, startDelete } from './actions.ts'
import type { Listing } from './listing.ts'

/** What can be done with the selected objects, or how far that is. */
export function SelectionBar({ listing }: { listing: Listing }) {
  const now = running.value
  const names = listing.selected.value
  if (now)
    return (
      <div class="selection-bar" role="region" aria-label="Work in progress">
        <span>
          {now.label}: {now.done} of {plural(now.total, 'object')}
        </span>
        <progress max={now.total} value={now.done} aria-label={now.label} />
        <button type="button" onClick={now.stop}>
          Stop
        </button>
      </div>
    )
  if (names.size === 0) return null
  const objects = (listing.entries.value?.objects ?? []).filter(({ name }) => names.has(name))
  const bytes = objects.reduce((sum, { size }) => sum + (size ?? 0), 0)
  const isMoved = objects.every(({ backend }) => destinations.value.includes(backend))
  const selected = objects.map(({ name }) => name)
  return (
    <div class="selection-bar" role="region" aria-label="Selected objects">
      <span class="selection-count">
        <b>{plural(objects.length, 'object')}</b> selected{bytes > 0 && `, ${formatBytes(bytes)}`}
      </span>
      <div class="selection-actions">
        {may('write') && (
          <button
            type="button"
            disabled={isMoved}
            title={isMoved ? 'None of them is left to be moved' : undefined}
            onClick={() => void migrate(listing, selected)}
          >
            <Icon name="arrow-right-left" /> Migrate now
          </button>
        )}
        <button
          type="button"
          title="Opening a link of what has not moved yet copies it"
          onClick={() => void copyText(linksTo(selected), `${plural(selected.length, 'link')} copied.`)}
        >
          <Icon name="copy" /> Copy links
        </button>
        {may('write') && (
          <button type="button" class="danger" onClick={() => void startDelete(listing, selected)}>
            <Icon name="trash-2" /> Delete
          </button>
        )}
      </div>
      <button
        type="button"
        class="icon-button"
        aria-label="Clear the selection"
        title="Clear the selection (Esc)"
        onClick={() => listing.clearSelection()}
      >
        <Icon name="x" />
      </button>
    </div>
  )
}
