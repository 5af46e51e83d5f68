import { Page } from '../parts/page.tsx'
import type { Route } from '../route.ts'

export function Browse({ route }: { route: Extract<Route, { view: 'browse' }> }) {
  return <Page title="Browse">{route.view}</Page>
}
