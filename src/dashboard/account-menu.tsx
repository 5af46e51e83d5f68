import { signal } from '@preact/signals'
import { Icon } from './parts/icon.tsx'
import { describeShort } from './parts/problem.tsx'
import { Segmented } from './parts/segmented.tsx'
import { showToast } from './parts/toast.tsx'
import { session, signOut } from './session.ts'

const THEMES = [
  { id: 'system', label: 'System', icon: 'monitor' },
  { id: 'light', label: 'Light', icon: 'sun' },
  { id: 'dark', label: 'Dark', icon: 'moon' },
] as const

type Theme = (typeof THEMES)[number]['id']

const theme = signal<Theme>((document.documentElement.dataset['theme'] as Theme | undefined) ?? 'system')

function setTheme(to: Theme): void {
  theme.value = to
  if (to === 'system') {
    delete document.documentElement.dataset['theme']
    localStorage.removeItem('theme')
  } else {
    document.documentElement.dataset['theme'] = to
    localStorage.setItem('theme', to)
  }
}

/** Who is signed in, the theme, and the way out. */
export function AccountMenu() {
  const { name, via } = session.value ?? {}
  return (
    <div class="account">
      <Segmented label="Theme" choices={THEMES} chosen={theme.value} onChoose={setTheme} />
      {name !== undefined && (
        <div class="account-who">
          <span class="account-name" title={`Signed in as ${name}`}>
            {name}
          </span>
          {via === 'session' && (
            <button
              type="button"
              class="icon-button"
              aria-label="Sign out"
              title="Sign out"
              onClick={() =>
                signOut().catch((error: unknown) => showToast(describeShort(error), { tone: 'bad' }))
              }
            >
              <Icon name="log-out" />
            </button>
          )}
        </div>
      )}
    </div>
  )
}
