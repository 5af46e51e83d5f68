import { ApiError } from '../../../client/client.ts'
import { chain } from '../../chain.ts'
import { formatAgo } from '../../format.ts'
import { navigate } from '../../navigation.ts'
import { Name } from '../../parts/name.tsx'
import { Empty, Page } from '../../parts/page.tsx'
import { Problem } from '../../parts/problem.tsx'
import { usePoll } from '../../poll.ts'
import { formatRoute } from '../../route.ts'
import { client, may } from '../../session.ts'
import type { Entries } from './listing.ts'

/** The listing failed altogether. That no backend can list is no failure: names can be opened all the same. */
export function Failed({ error, retry }: { error: unknown; retry: () => void }) {
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
  return <Problem error={error} retry={retry} />
}

/** In place of a folder that the session may not see. */
export function NotAllowed({ allowed }: { allowed: string }) {
  return (
    <Page title="All media">
      <Empty title="Your token is limited to a part of the media">
        <p>
          It allows names that begin with{' '}
          <a href={formatRoute({ view: 'browse', ...splitPrefix(allowed) })}>
            <Name name={allowed} max={60} />
          </a>
        </p>
      </Empty>
    </Page>
  )
}

/** A prefix may end within a name. */
function splitPrefix(allowed: string): { prefix: string; filter: string } {
  const prefix = allowed.slice(0, allowed.lastIndexOf('/') + 1)
  return { prefix, filter: allowed.slice(prefix.length) }
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
