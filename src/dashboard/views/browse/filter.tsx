import { useEffect, useRef } from 'preact/hooks'
import { Icon } from '../../parts/icon.tsx'
import { visible } from '../../parts/name.tsx'
import { focusActiveRow } from './use-list.ts'

const TYPING_MS = 250

interface Props {
  folder: string
  filter: string
  setFilter: (filter: string) => void
}

/** Narrows the list to names that begin with a text. The server does it, so it finds what is not loaded yet too. */
export function Filter({ folder, filter, setFilter }: Props) {
  const input = useRef<HTMLInputElement>(null)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  // The address may change otherwise, e.g. by going back.
  useEffect(() => {
    if (input.current && document.activeElement !== input.current) input.current.value = filter
  }, [filter])
  const apply = (): void => {
    clearTimeout(timer.current)
    setFilter(input.current?.value ?? '')
  }
  return (
    <label class="filter">
      <Icon name="search" />
      <span class="visually-hidden">
        Names in {folder === '' ? 'all media' : visible(folder)} that begin with
      </span>
      <input
        ref={input}
        type="search"
        data-key="/"
        placeholder="Names beginning with …"
        title="Searches on the server for names that begin with this text (/)"
        spellcheck={false}
        autoComplete="off"
        defaultValue={filter}
        onInput={() => {
          clearTimeout(timer.current)
          timer.current = setTimeout(apply, TYPING_MS)
        }}
        onKeyDown={({ key }) => {
          if (key === 'Enter') apply()
          if (key === 'Enter' || key === 'ArrowDown') focusActiveRow()
          if (key === 'Escape' && input.current) {
            input.current.value = ''
            apply()
            focusActiveRow()
          }
        }}
      />
    </label>
  )
}
