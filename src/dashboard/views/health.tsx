import { Page } from '../parts/page.tsx'
import type { Route } from '../route.ts'

export function Health({ route }: { route: Extract<Route, { view: 'health' }> }) {
  return <Page title="Health">{route.view}</Page>
}
