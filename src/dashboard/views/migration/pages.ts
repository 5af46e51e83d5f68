import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'

interface State<Item> {
  items: Item[]
  /** Of the next page; null after the last one. */
  cursor: string | null
  isLoading: boolean
  error: unknown
}

/** The pages of a list so far. `key` names the list: when it changes, it begins again. */
export function usePages<Item>(
  key: string,
  load: (cursor: string | undefined) => Promise<{ items: Item[]; cursor: string | null }>,
): State<Item> & { loadMore: () => void } {
  const empty: State<Item> = { items: [], cursor: null, isLoading: true, error: undefined }
  const state = useSignal({ key, ...empty })
  const read = async (before: State<Item>): Promise<void> => {
    state.value = { key, ...before, isLoading: true, error: undefined }
    const isCurrent = (): boolean => state.peek().key === key
    try {
      const page = await load(before.cursor ?? undefined)
      if (isCurrent()) {
        const items = [...before.items, ...page.items]
        state.value = { key, items, cursor: page.cursor, isLoading: false, error: undefined }
      }
    } catch (error) {
      if (isCurrent()) state.value = { key, ...before, isLoading: false, error }
    }
  }
  useEffect(() => void read(empty), [key])
  const current = state.value.key === key ? state.value : empty
  return { ...current, loadMore: () => void read(current) }
}
