import { Page } from '../parts/page.tsx'
import type { Route } from '../route.ts'

export function Welcome({ route }: { route: Extract<Route, { view: 'welcome' }> }) {
  return <Page title="Welcome">{route.view}</Page>
}
