import { useEffect, useRef } from 'preact/hooks'
import { focusActiveRow } from './use-list.ts'

/** Keys that enter the list from elsewhere on the page. */
const INTO_LIST = ['ArrowDown', 'ArrowUp', 'Home', 'End', 'PageDown', 'PageUp']

/**
 * Calls what belongs to a key. Not while something is typed, in dialogs, or in other parts of the page. The listener
 * is one for the whole document because the focus may be on nothing, e.g. after a click between the rows.
 */
export function useShortcuts(shortcuts: Record<string, () => void>): void {
  const latest = useRef(shortcuts)
  latest.current = shortcuts
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent): void => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !isOurs(event)) return
      const run = latest.current[event.key] ?? (entersList(event) ? focusActiveRow : undefined)
      if (!run) return
      event.preventDefault()
      run()
    }
    document.addEventListener('keydown', onKeyDown)
    return () => document.removeEventListener('keydown', onKeyDown)
  }, [])
}

function isOurs({ target }: KeyboardEvent): boolean {
  if (!(target instanceof Element) || target.closest('dialog')) return false
  if (target.matches('input:not([type="checkbox"]), textarea, select')) return false
  return target === document.body || target.closest('main') !== null
}

/** Buttons and links scroll by these keys, as everywhere. */
function entersList({ key, target }: KeyboardEvent): boolean {
  return INTO_LIST.includes(key) && target instanceof Element && target.matches('body, main, h1')
}
