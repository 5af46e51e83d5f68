import { signal } from '@preact/signals'
import { formatRoute, parseRoute, type Route } from './route.ts'

/** Null if the address is none of this page. */
export const route = signal<Route | null>(parseRoute(location.hash))

addEventListener('hashchange', () => {
  route.value = parseRoute(location.hash)
})

export function navigate(to: Route): void {
  location.hash = formatRoute(to)
}

/** Changes the address without a new entry in the history, e.g. while somebody types a filter. */
export function replaceRoute(to: Route): void {
  history.replaceState(history.state, '', formatRoute(to))
  route.value = to
}
