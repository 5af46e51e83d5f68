import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ApiError } from '../../client/client.ts'
import { chain } from '../chain.ts'
import { destinationsOf } from '../destinations.ts'
import { Icon } from '../parts/icon.tsx'
import { Empty, Loading, Page } from '../parts/page.tsx'
import { Problem } from '../parts/problem.tsx'
import { client, may, session } from '../session.ts'
import { Tour } from './welcome/tour.tsx'
import { findPicture } from './welcome/tour-state.ts'

const STORED = 'tour-picture'

/** Four steps in which a picture is seen to move, over what this deployment really has. */
export function Welcome() {
  /** Null if there is none. */
  const picture = useSignal<string | null | undefined>(undefined)
  const error = useSignal<unknown>(undefined)
  const find = async (skipped?: string): Promise<void> => {
    error.value = undefined
    picture.value = undefined
    try {
      picture.value = (await storedPicture(skipped)) ?? (await listedPicture(skipped))
      if (picture.value !== null) localStorage.setItem(STORED, picture.value)
    } catch (failure) {
      error.value = failure
    }
  }
  useEffect(() => void find(), [])
  const name = picture.value
  return (
    <Page
      title="Welcome"
      heading="Watch a picture move"
      actions={
        name && (
          <button type="button" onClick={() => void find(name)}>
            <Icon name="image" /> Another picture
          </button>
        )
      }
    >
      <div class="stack">
        {chain.value?.migration === false && <MigrationOff />}
        {error.value !== undefined ? (
          <Problem error={error.value} retry={() => void find()} />
        ) : name === undefined ? (
          <Loading />
        ) : name === null ? (
          <NoPicture />
        ) : (
          <Tour key={name} name={name} />
        )}
      </div>
    </Page>
  )
}

/** The picture of an earlier visit, if a backend still has it or it is deleted: the tour goes on with it. */
async function storedPicture(skipped: string | undefined): Promise<string | null> {
  const stored = localStorage.getItem(STORED)
  if (stored === null || stored === skipped) return null
  try {
    const { migration } = await client.explain(stored)
    return migration.state === 'absent' ? null : stored
  } catch (error) {
    // 403: it was that of a session that may see more.
    if (error instanceof ApiError && [400, 403].includes(error.status)) return null
    throw error
  }
}

async function listedPicture(skipped: string | undefined): Promise<string | null> {
  const known = chain.value ?? (may('admin') ? await client.backends() : undefined)
  const { objects, backends = [] } = await client.list(session.value?.prefix ?? '', { limit: 1000 })
  const others = objects.filter(({ name }) => name !== skipped)
  const found = findPicture(others, known ? destinationsOf(known) : []) ?? skipped
  const failed = backends.find(({ error }) => error !== 'unsupported')
  if (found === undefined && failed)
    throw new Error(`No picture was found, but not every backend answered. ${failed.name}: ${failed.detail}`)
  return found ?? null
}

function MigrationOff() {
  return (
    <p class="notice tone-warn">
      <Icon name="triangle-alert" />
      <span>
        Reads copy nothing here, so a request does not move the picture: <code>FALLBACK_DATA_MIGRATION</code>{' '}
        is off. Set it to <code>true</code> and deploy again, or use “Migrate it now”.
      </span>
    </p>
  )
}

function NoPicture() {
  return (
    <Empty title="No picture is left to move">
      <p>
        Among the first 1,000 names there is no picture of up to 5 MB that a fallback would serve. Add the
        storage that has your media to <code>FALLBACK_STORAGES</code>, after the primary, and come back.
      </p>
      <a class="button" href="docs">
        <Icon name="file-text" /> API reference
      </a>
    </Empty>
  )
}
