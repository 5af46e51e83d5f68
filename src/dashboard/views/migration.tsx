import { Page } from '../parts/page.tsx'
import type { Route } from '../route.ts'

export function Migration({ route }: { route: Extract<Route, { view: 'migration' }> }) {
  return <Page title="Migration">{route.view}</Page>
}
