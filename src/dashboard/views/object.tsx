import { Page } from '../parts/page.tsx'
import type { Route } from '../route.ts'

export function ObjectView({ route }: { route: Extract<Route, { view: 'object' }> }) {
  return <Page title="ObjectView">{route.view}</Page>
}
