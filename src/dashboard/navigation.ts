import { signal } from '@preact/signals'
import { formatRoute, parseRoute, type Route } from './route.ts'

/** Null if the address is none of this page. */
export const route = signal<Route | null>(parseRoute(location.hash))

/** How far each address was scrolled when it was left. */
const positions = new Map<string, number>()
let shown = location.hash

// Content comes later than the address, so the browser could not restore the position itself.
history.scrollRestoration = 'manual'

addEventListener('hashchange', () => {
  positions.set(shown, scrollY)
  shown = location.hash
  route.value = parseRoute(shown)
})

/** Scrolls to where this address was left, or to its top. */
export function restoreScroll(): void {
  scrollTo({ top: positions.get(location.hash) ?? 0, behavior: 'instant' })
}

export function navigate(to: Route): void {
  location.hash = formatRoute(to)
}

/** Changes the address without a new entry in the history, e.g. while somebody types a filter. */
export function replaceRoute(to: Route): void {
  history.replaceState(history.state, '', formatRoute(to))
  shown = location.hash
  route.value = to
}
