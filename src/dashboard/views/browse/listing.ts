import { batch, computed, signal } from '@preact/signals'
import type { Degraded, ListedObject, ListPage } from '../../../client/client.ts'

export interface Entries {
  /** With the slash at their end. */
  folders: readonly string[]
  objects: readonly ListedObject[]
  /** Of the next page; null if all is loaded. */
  cursor: string | null
  pages: number
  /** The backends whose objects may be missing. */
  degraded: readonly Degraded[]
  /** When they were loaded, in milliseconds since 1970. */
  at: number
}

export type Row = { folder: string } | { object: ListedObject }

/** More rows make the list higher than browsers can lay out. */
export const MAX_LISTED = 200_000
/** How many pages a reload loads again at most. */
const MAX_RELOADED = 10

export type Listing = ReturnType<typeof createListing>

/** The folders and objects below one prefix, page by page, with the selection and the active row. */
export function createListing(load: (cursor: string | undefined) => Promise<ListPage>) {
  const entries = signal<Entries | undefined>(undefined)
  const error = signal<unknown>(undefined)
  const isLoading = signal(false)
  /** The names of the selected objects. */
  const selected = signal<ReadonlySet<string>>(new Set())
  /** The name or folder of the row that keys act on. */
  const active = signal<string | undefined>(undefined)
  const count = computed(() => (entries.value ? countRows(entries.value) : 0))

  let running = Promise.resolve()
  /** One request at a time. */
  const run = (work: () => Promise<Entries>): Promise<void> => {
    if (!isLoading.peek()) {
      isLoading.value = true
      error.value = undefined
      running = finish(work)
    }
    return running
  }
  const finish = async (work: () => Promise<Entries>): Promise<void> => {
    try {
      entries.value = await work()
    } catch (failure) {
      error.value = failure
    } finally {
      isLoading.value = false
    }
  }

  return {
    entries,
    error,
    isLoading,
    selected,
    active,
    count,
    /** The index of the active row; the first one if it is not there (any more). */
    activeIndex: computed(() => Math.max(0, entries.value ? indexOf(entries.value, active.value) : 0)),
    hasMore: computed(() => entries.value?.cursor !== null && count.value < MAX_LISTED),
    loadMore: () =>
      run(async () => {
        const before = entries.peek()
        return append(before, await load(before?.cursor ?? undefined))
      }),
    /** Loads again what is shown. */
    async reload(): Promise<void> {
      // What is being loaded may be older than the change that is looked for.
      await running
      await run(async () => {
        const wanted = Math.min(MAX_RELOADED, entries.peek()?.pages ?? 1)
        let fresh = append(undefined, await load(undefined))
        while (fresh.pages < wanted && fresh.cursor !== null) fresh = append(fresh, await load(fresh.cursor))
        const names = new Set(fresh.objects.map(({ name }) => name))
        selected.value = new Set([...selected.peek()].filter((name) => names.has(name)))
        return fresh
      })
    },
    /** Takes objects out that were deleted. */
    remove(names: ReadonlySet<string>): void {
      const before = entries.peek()
      if (!before) return
      const index = indexOf(before, active.peek())
      const after = { ...before, objects: before.objects.filter(({ name }) => !names.has(name)) }
      const row = rowAt(after, Math.min(index, countRows(after) - 1))
      batch(() => {
        entries.value = after
        // Keys go on where they were.
        active.value = row && keyOf(row)
        selected.value = new Set([...selected.peek()].filter((name) => !names.has(name)))
      })
    },
    /** Notes that this backend answers for these objects now. */
    move(names: ReadonlySet<string>, backend: string): void {
      const before = entries.peek()
      if (!before) return
      const objects = before.objects.map((object) =>
        names.has(object.name) ? { ...object, backend } : object,
      )
      entries.value = { ...before, objects }
    },
    clearSelection: () => (selected.value = new Set()),
    /** Selects an object, or takes it out of the selection. */
    toggle(name: string): void {
      const next = new Set(selected.peek())
      if (!next.delete(name)) next.add(name)
      selected.value = next
    },
    /** Selects the objects between two rows, both included. */
    selectRange(from: number, to: number): void {
      const known = entries.peek()
      if (!known) return
      const next = new Set(selected.peek())
      for (let index = Math.min(from, to); index <= Math.max(from, to); index += 1) {
        const row = rowAt(known, index)
        if (row && 'object' in row) next.add(row.object.name)
      }
      selected.value = next
    },
  }
}

export function countRows({ folders, objects }: Pick<Entries, 'folders' | 'objects'>): number {
  return folders.length + objects.length
}

export function rowAt({ folders, objects }: Entries, index: number): Row | undefined {
  const folder = folders[index]
  if (folder !== undefined) return { folder }
  const object = objects[index - folders.length]
  return object && { object }
}

/** What identifies a row. */
export function keyOf(row: Row): string {
  return 'folder' in row ? row.folder : row.object.name
}

/** -1 if there is none. A folder ends in a slash as an object's name may, so folders come first. */
export function indexOf({ folders, objects }: Entries, key: string | undefined): number {
  if (key === undefined) return -1
  const folder = folders.indexOf(key)
  if (folder >= 0) return folder
  const object = objects.findIndex(({ name }) => name === key)
  return object < 0 ? -1 : folders.length + object
}

function append(before: Entries | undefined, page: ListPage): Entries {
  const failed = page.backends ?? []
  const others = (before?.degraded ?? []).filter(({ name }) => !failed.some((one) => one.name === name))
  return {
    folders: [...(before?.folders ?? []), ...page.directories],
    objects: [...(before?.objects ?? []), ...page.objects],
    cursor: page.cursor,
    pages: (before?.pages ?? 0) + 1,
    degraded: [...others, ...failed],
    at: before?.at ?? Date.now(),
  }
}
