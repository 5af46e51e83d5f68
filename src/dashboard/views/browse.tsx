import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { navigate, replaceRoute } from '../navigation.ts'
import { Breadcrumbs } from '../parts/breadcrumbs.tsx'
import { Icon } from '../parts/icon.tsx'
import { lastSegment, visible } from '../parts/name.tsx'
import { Loading, Page } from '../parts/page.tsx'
import { parentOf, type Route } from '../route.ts'
import { may, session } from '../session.ts'
import { DropZone } from '../uploads/drop-zone.tsx'
import { UploadButtons } from '../uploads/upload-buttons.tsx'
import { queue } from '../uploads/uploads.ts'
import { startDelete } from './browse/actions.ts'
import { DeleteDialog } from './browse/delete-dialog.tsx'
import { Filter } from './browse/filter.tsx'
import { KeysDialog } from './browse/keys-dialog.tsx'
import { List } from './browse/list.tsx'
import { keyOf, type Listing, rowAt } from './browse/listing.ts'
import { SelectionBar } from './browse/selection-bar.tsx'
import { Degraded } from './browse/degraded.tsx'
import { Footer } from './browse/footer.tsx'
import { Failed, NotAllowed, Nothing } from './browse/nothing.tsx'
import { listingOf, openListing } from './browse/store.ts'
import { Tiles } from './browse/tiles.tsx'
import { focusIfOpenedByKey, openByKey } from './browse/use-list.ts'
import { useShortcuts } from './browse/use-shortcuts.ts'
import { view, ViewSwitch } from './browse/view-switch.tsx'

type BrowseRoute = Extract<Route, { view: 'browse' }>

/** The folders and objects of all backends as one tree. */
export function Browse({ route: { prefix, filter } }: { route: BrowseRoute }) {
  const folder = prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`
  const allowed = session.value?.prefix ?? ''
  if (!(folder + filter).startsWith(allowed)) return <NotAllowed allowed={allowed} />
  return <Folder key={folder} folder={folder} filter={filter} />
}

function Folder({ folder, filter }: { folder: string; filter: string }) {
  const areKeysShown = useSignal(false)
  const listing = listingOf(folder + filter)
  const shown = useShown(listing)
  const entries = shown.entries.value
  const isReady = entries !== undefined
  const title = folder === '' ? 'All media' : visible(lastSegment(folder))
  const mayWrite = may('write')
  const Shown = view.value === 'tiles' ? Tiles : List

  // Signing in again loads what could not be loaded without.
  useEffect(() => {
    if (session.value) openListing(listing)
  }, [listing, session.value])
  useReloadAfterUploads(folder, listing)
  useEffect(() => {
    if (!isReady) return
    focusIfOpenedByKey()
    // Tests measure how long the first view takes.
    performance.mark('ready')
  }, [isReady])

  const setFilter = (to: string): void => replaceRoute({ view: 'browse', prefix: folder, filter: to })
  useShortcuts({
    Backspace: goUp,
    '/': () => document.querySelector<HTMLElement>('[data-key="/"]')?.focus(),
    '?': () => (areKeysShown.value = true),
    Escape: () => listing.clearSelection(),
    ...(mayWrite && {
      u: () => document.querySelector<HTMLElement>('[data-key="u"]')?.click(),
      Delete: deleteSelected,
    }),
  })

  return (
    <Page
      title={title}
      heading={<Breadcrumbs path={folder} />}
      actions={
        <>
          <Filter folder={folder} filter={filter} setFilter={setFilter} />
          <ViewSwitch />
          <button
            type="button"
            class="icon-button bordered keys-button"
            aria-label="Keys"
            title="Keys (?)"
            onClick={() => (areKeysShown.value = true)}
          >
            <Icon name="keyboard" />
          </button>
          {mayWrite && <UploadButtons folder={folder} />}
        </>
      }
    >
      {entries && <Degraded entries={entries} reload={() => void listing.reload()} />}
      {!entries && shown.error.value === undefined && <Loading />}
      {!entries && shown.error.value !== undefined && (
        <Failed error={shown.error.value} retry={() => void listing.loadMore()} />
      )}
      {entries && (shown.count.value > 0 || shown.hasMore.value) && (
        <>
          <Shown
            listing={shown}
            entries={entries}
            folder={folder}
            isBusy={shown !== listing || shown.isLoading.value}
          />
          <Footer listing={shown} entries={entries} />
        </>
      )}
      {entries && shown.count.value === 0 && !shown.hasMore.value && (
        <Nothing folder={folder} filter={filter} entries={entries} clearFilter={() => setFilter('')} />
      )}
      <SelectionBar listing={shown} />
      <DeleteDialog />
      {areKeysShown.value && <KeysDialog onClose={() => (areKeysShown.value = false)} />}
      {mayWrite && <DropZone folder={folder} />}
    </Page>
  )

  function goUp(): void {
    if (folder === '') return
    const parent = parentOf(folder)
    listingOf(parent).active.value = folder
    openByKey()
    navigate({ view: 'browse', prefix: parent, filter: '' })
  }

  function deleteSelected(): void {
    const selected = [...listing.selected.peek()]
    const row = entries && rowAt(entries, listing.activeIndex.peek())
    const isInList = document.activeElement?.closest('.list-body') !== null
    const names = selected.length > 0 || !isInList || !row || 'folder' in row ? selected : [keyOf(row)]
    if (names.length > 0) void startDelete(listing, names)
  }
}

/** The listing, or the one before while this one has nothing to show yet: so typing a filter does not flicker. */
function useShown(listing: Listing): Listing {
  const before = useRef(listing)
  if (listing.entries.value !== undefined || listing.error.value !== undefined) before.current = listing
  return before.current
}

const RELOAD_MS = 2000

/** Shows what has been uploaded to below this folder; of many files not each at once. */
function useReloadAfterUploads(folder: string, listing: Listing): void {
  const stored = useComputed(
    () => queue.uploads.value.filter(({ storedAs }) => storedAs?.startsWith(folder)).length,
  ).value
  const before = useRef(stored)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => {
    const isMore = stored > before.current
    before.current = stored
    if (!isMore) return
    timer.current ??= setTimeout(
      () => {
        timer.current = undefined
        void listing.reload()
      },
      queue.isBusy.peek() ? RELOAD_MS : 0,
    )
  }, [stored])
}
