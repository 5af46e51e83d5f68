import { chain } from '../../chain.ts'
import { plural } from '../../format.ts'
import { Icon } from '../../parts/icon.tsx'
import { usePoll } from '../../poll.ts'
import { formatRoute, type Route } from '../../route.ts'
import { client } from '../../session.ts'
import { troubleOf } from '../rollback/mirrors.ts'
import { isMissing } from './missing.tsx'

type Section = 'migration' | 'sources' | 'rollback'

interface Link {
  to: Extract<Route, { view: Section }>
  label: string
  /** What needs attention there. */
  note?: string | undefined
}

const EVERY_MS = 30_000

/** The views of a migration, where there is more than one: changes at the sources if they are kept, and the way back if there is a mirror. */
export function Sections({ current }: { current: Section }) {
  const backends = chain.value?.backends ?? []
  const hasMirrors = backends.some(({ role }) => role === 'mirror')
  const conflicts = usePoll(
    `conflict-count/${backends.length > 1}`,
    async () => (backends.length > 1 ? (await client.conflicts({ limit: 1 })).total : null),
    { every: (total) => (total === null ? null : EVERY_MS) },
  )
  const mirrors = usePoll(
    `mirror-count/${hasMirrors}`,
    async () => (hasMirrors ? await client.mirrors() : null),
    { every: (all) => (all === null ? null : EVERY_MS) },
  )
  const links: Link[] = [
    { to: { view: 'migration' }, label: 'Backfill' },
    ...(backends.length > 1 && !isMissing(conflicts.error)
      ? [
          {
            to: { view: 'sources' as const },
            label: 'Source changes',
            note: conflicts.data ? plural(conflicts.data, 'conflict') : undefined,
          },
        ]
      : []),
    ...(hasMirrors
      ? [{ to: { view: 'rollback' as const }, label: 'Way back', note: troubleOf(mirrors.data ?? [])?.word }]
      : []),
  ]
  if (links.length === 1) return null
  return (
    <nav class="sections" aria-label="Migration">
      {links.map(({ to, label, note }) => (
        <a key={to.view} href={formatRoute(to)} aria-current={to.view === current ? 'page' : undefined}>
          {label}
          {note !== undefined && (
            <span class="tone-warn section-note">
              <Icon name="triangle-alert" /> <span>{note}</span>
            </span>
          )}
        </a>
      ))}
    </nav>
  )
}
