import { ApiError } from '../../../client/client.ts'
import { formatAgo, formatBytes, formatCount, plural } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { describeShort } from '../../parts/problem.tsx'
import { type Entries, type Listing, MAX_LISTED } from './listing.ts'

interface FooterProps {
  listing: Listing
  entries: Entries
}

/** How much is shown, and never a total that nobody knows. */
export function Footer({ listing, entries: { folders, objects, cursor, at } }: FooterProps) {
  const count = folders.length + objects.length
  const bytes = objects.reduce((sum, { size }) => sum + (size ?? 0), 0)
  const error = listing.error.value
  const isUnknown = objects.some(({ size }) => size === null)
  /** A cursor of a chain that has changed since is refused for good. */
  const isOutdated = error instanceof ApiError && error.status === 400
  return (
    <div class="list-footer">
      {error === undefined ? (
        <p>{howMuch()}</p>
      ) : (
        <p class="notice tone-bad" role="alert">
          <Icon name="circle-alert" />
          <span>{describeShort(error)}</span>
          <button
            type="button"
            onClick={() => void (cursor === null || isOutdated ? listing.reload() : listing.loadMore())}
          >
            <Icon name="refresh-cw" /> Try again
          </button>
        </p>
      )}
      <p class="muted">
        Loaded {formatAgo(at)}
        <button
          type="button"
          class="icon-button"
          aria-label="Load again"
          title="Load again"
          onClick={() => void listing.reload()}
        >
          <Icon name="refresh-cw" />
        </button>
      </p>
    </div>
  )

  function howMuch(): string {
    if (count >= MAX_LISTED && cursor !== null)
      return `${formatCount(count)} shown, more below: no more are listed, filter by the beginning of the name`
    if (cursor !== null) return `${formatCount(count)} shown, more below`
    const parts = [
      ...(folders.length > 0 ? [plural(folders.length, 'folder')] : []),
      ...(objects.length > 0 ? [plural(objects.length, 'object')] : []),
      ...(bytes > 0 ? [`${isUnknown ? 'at least ' : ''}${formatBytes(bytes)}`] : []),
    ]
    return parts.join(', ')
  }
}
