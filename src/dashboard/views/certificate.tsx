import { Page } from '../parts/page.tsx'
import type { Route } from '../route.ts'

export function Certificate({ route }: { route: Extract<Route, { view: 'verification' }> }) {
  return <Page title="Certificate">{route.view}</Page>
}
