import type { ComponentChildren } from 'preact'
import type { IconName } from './icons.ts'
import { Icon } from './icon.tsx'

export type Tone = 'good' | 'warn' | 'bad' | 'idle' | 'accent'

/** A state: always an icon and a word, never a colour alone. */
export function Badge({ tone, icon, children }: { tone: Tone; icon: IconName; children: ComponentChildren }) {
  return (
    <span class={`badge tone-${tone}`}>
      <Icon name={icon} />
      <span>{children}</span>
    </span>
  )
}

/** Which backend would answer: filled for the primary, half-filled for what has not moved yet. */
export function BackendBadge({ backend, primary }: { backend: string; primary: string | undefined }) {
  const isPrimary = primary === undefined || backend === primary
  return (
    <span
      class={`badge ${isPrimary ? 'tone-good' : 'tone-warn'}`}
      title={isPrimary ? 'in the primary' : 'not moved to the primary yet'}
    >
      <span class={isPrimary ? 'dot' : 'dot dot-half'} aria-hidden="true" />
      <span>{backend}</span>
      {!isPrimary && <span class="visually-hidden"> (not moved yet)</span>}
    </span>
  )
}
