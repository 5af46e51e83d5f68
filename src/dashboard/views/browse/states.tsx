import { ApiError } from '../../../client/client.ts'
import { chain } from '../../chain.ts'
import { formatAgo, formatBytes, formatCount, plural } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { Name } from '../../parts/name.tsx'
import { Empty } from '../../parts/page.tsx'
import { describeShort, Problem } from '../../parts/problem.tsx'
import { navigate } from '../../navigation.ts'
import { usePoll } from '../../poll.ts'
import { formatRoute } from '../../route.ts'
import { client, may, session } from '../../session.ts'
import { type Entries, type Listing, MAX_LISTED } from './listing.ts'

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
                <strong>{name}</strong> did not answer ({error}: {detail}). What only it has is missing here.
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

/** The listing failed altogether. That no backend can list is no failure: names can be opened all the same. */
export function Failed({ error, retry }: { error: unknown; retry: () => void }) {
  const allowed = session.value?.prefix
  if (error instanceof ApiError && error.status === 501)
    return (
      <Empty title="No backend can list its objects">
        <p>An object can still be opened by its name:</p>
        <form
          class="open-name"
          onSubmit={(event) => {
            event.preventDefault()
            const name = new FormData(event.currentTarget).get('name')
            if (typeof name === 'string') navigate({ view: 'object', name })
          }}
        >
          <input name="name" aria-label="Name of the object" placeholder="photos/harbour.jpg" required />
          <button type="submit">Open</button>
        </form>
      </Empty>
    )
  return (
    <div class="stack">
      <Problem error={error} retry={retry} />
      {allowed !== undefined && (
        <p>
          You may see names that begin with{' '}
          <a href={formatRoute({ view: 'browse', ...splitPrefix(allowed) })}>
            <Name name={allowed} max={60} />
          </a>
        </p>
      )}
    </div>
  )
}

/** A prefix may end within a name. */
function splitPrefix(allowed: string): { prefix: string; filter: string } {
  const prefix = allowed.slice(0, allowed.lastIndexOf('/') + 1)
  return { prefix, filter: allowed.slice(prefix.length) }
}

interface FooterProps {
  listing: Listing
  entries: Entries
}

/** How much is shown, and never a total that nobody knows. */
export function Footer({ listing, entries: { folders, objects, cursor, at } }: FooterProps) {
  const count = folders.length + objects.length
  const bytes = objects.reduce((sum, { size }) => sum + (size ?? 0), 0)
  const error = listing.error.value
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
            onClick={() => void (cursor === null ? listing.reload() : listing.loadMore())}
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
      ...(bytes > 0 ? [formatBytes(bytes)] : []),
    ]
    return parts.join(', ')
  }
}

interface NothingProps {
  folder: string
  filter: string
  entries: Entries
  clearFilter: () => void
}

/** Why nothing is listed. */
export function Nothing({ folder, filter, entries, clearFilter }: NothingProps) {
  if (filter !== '')
    return (
      <Empty title="No name begins like that">
        <p>
          Nothing in {folder === '' ? 'all media' : <Name name={folder} max={60} />} begins with “
          <Name name={filter} max={60} />
          ”.
        </p>
        <button type="button" onClick={clearFilter}>
          Show all names
        </button>
      </Empty>
    )
  if (entries.degraded.some(({ error }) => error !== 'unsupported'))
    return <Empty title="Nothing found, but not every backend answered" />
  if (may('admin') && chain.value?.deletes !== 'first') return <DeletedOrNothing folder={folder} />
  return <NothingStored folder={folder} />
}

function NothingStored({ folder }: { folder: string }) {
  return (
    <Empty title={folder === '' ? 'Nothing is stored yet' : 'Nothing is stored in this folder'}>
      {may('write') && <p>Drop files here, paste a picture, or use Upload.</p>}
    </Empty>
  )
}

const MAX_DELETED = 10

function DeletedOrNothing({ folder }: { folder: string }) {
  const { data } = usePoll(
    folder,
    () => client.tombstones({ ...(folder !== '' && { prefix: folder }), limit: MAX_DELETED }),
    { every: null },
  )
  if (!data || data.tombstones.length === 0) return <NothingStored folder={folder} />
  return (
    <Empty title="Everything here is deleted">
      <ul class="plain">
        {data.tombstones.map(({ name, deleted_time: at }) => (
          <li key={name}>
            <a href={formatRoute({ view: 'object', name })}>
              <Name name={name.slice(folder.length)} max={60} />
            </a>
            {at !== null && ` deleted ${formatAgo(at)}`}
          </li>
        ))}
      </ul>
      {data.cursor !== null && <p>And more.</p>}
    </Empty>
  )
}
