import { signal } from '@preact/signals'
import type { ComponentType } from 'preact'
import { ChainPoll } from './chain.ts'
import { lazy } from './lazy.tsx'
import { navigate, route } from './navigation.ts'
import { Icon } from './parts/icon.tsx'
import type { IconName } from './parts/icons.ts'
import { Loading, Page } from './parts/page.tsx'
import { Problem } from './parts/problem.tsx'
import { Toasts } from './parts/toast.tsx'
import { formatRoute, type Route, type View } from './route.ts'
import { expired, may, session } from './session.ts'
import { SignIn, SignInAgain } from './sign-in.tsx'
import { StatusLine } from './status-line.tsx'
import { UploadList } from './uploads/upload-list.tsx'
import { AccountMenu } from './account-menu.tsx'
import { Browse } from './views/browse.tsx'

/** Why it could not be found out who is signed in. */
export const startFailure = signal<unknown>(undefined)

const VIEWS: { [One in View]: ComponentType<{ route: Extract<Route, { view: One }> }> } = {
  browse: Browse,
  object: lazy(async () => (await import('./views/object.tsx')).ObjectView),
  migration: lazy(async () => (await import('./views/migration.tsx')).Migration),
  verification: lazy(async () => (await import('./views/certificate.tsx')).Certificate),
  sources: lazy(async () => (await import('./views/sources.tsx')).Sources),
  rollback: lazy(async () => (await import('./views/rollback.tsx')).Rollback),
  health: lazy(async () => (await import('./views/health.tsx')).Health),
  welcome: lazy(async () => (await import('./views/welcome.tsx')).Welcome),
}

const LINKS: { to: Route; label: string; icon: IconName; views: View[] }[] = [
  {
    to: { view: 'browse', prefix: '', filter: '' },
    label: 'Browse',
    icon: 'folder',
    views: ['browse', 'object'],
  },
  {
    to: { view: 'migration' },
    label: 'Migration',
    icon: 'arrow-right-left',
    views: ['migration', 'verification', 'sources', 'rollback'],
  },
  { to: { view: 'health' }, label: 'Health', icon: 'heart-pulse', views: ['health'] },
  { to: { view: 'welcome' }, label: 'Welcome', icon: 'sparkles', views: ['welcome'] },
]

export function Shell() {
  if (startFailure.value !== undefined)
    return <Problem error={startFailure.value} retry={() => location.reload()} />
  if (session.value === undefined) return <Loading />
  if (session.value === null && expired.value === null) return <SignIn />
  const current = route.value
  return (
    <div class="shell">
      {may('admin') && <ChainPoll />}
      <a class="skip-link" href="#content" onClick={skipToContent}>
        Skip to the content
      </a>
      <nav class="rail" aria-label="Views">
        <a class="brand" href="#/">
          <Icon name="layout-grid" />
          <span>fallback-storage</span>
        </a>
        {LINKS.map(({ to, label, icon, views }) => (
          <a
            key={label}
            href={formatRoute(to)}
            aria-current={current && views.includes(current.view) ? 'page' : undefined}
          >
            <Icon name={icon} />
            <span>{label}</span>
          </a>
        ))}
        <AccountMenu />
      </nav>
      <div class="column">
        <header>
          <StatusLine />
        </header>
        <main id="content" tabIndex={-1}>
          {current ? <Current route={current} /> : <NoSuchPage />}
        </main>
      </div>
      <UploadList />
      <Toasts />
      {expired.value !== null && <SignInAgain by={expired.value} />}
    </div>
  )
}

function Current({ route: current }: { route: Route }) {
  const View = VIEWS[current.view] as ComponentType<{ route: Route }>
  return <View route={current} />
}

function NoSuchPage() {
  return (
    <Page title="There is no such page">
      <p>
        The dashboard has no page <code>{location.hash}</code>.
      </p>
      <button type="button" onClick={() => navigate({ view: 'browse', prefix: '', filter: '' })}>
        Browse the media
      </button>
    </Page>
  )
}

function skipToContent(event: Event): void {
  event.preventDefault()
  document.getElementById('content')?.focus()
}
