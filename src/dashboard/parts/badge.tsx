import type { ComponentChildren } from 'preact'
import { destinations } from '../chain.ts'
import type { IconName } from './icons.ts'
import { Icon } from './icon.tsx'

export type Tone = 'good' | 'warn' | 'bad' | 'idle' | 'accent'

/** What a badge shows. */
export interface BadgeState {
  tone: Tone
  icon: IconName
  word: string
}

/** A state: always an icon and a word, never a colour alone. */
export function Badge({ tone, icon, children }: { tone: Tone; icon: IconName; children: ComponentChildren }) {
  return (
    <span class={`badge tone-${tone}`}>
      <Icon name={icon} />
      <span>{children}</span>
    </span>
  )
}

const PLACES = {
  destination: { look: 'tone-good', dot: 'dot', title: 'moved, or saved here' },
  fallback: { look: 'tone-warn', dot: 'dot dot-half', title: 'not moved yet' },
  unknown: { look: 'tone-idle', dot: 'dot dot-empty', title: undefined },
}

/** Which backend would answer: half-filled for what has not moved yet. */
export function BackendBadge({ backend }: { backend: string }) {
  const known = destinations.value
  const place = known.length === 0 ? 'unknown' : known.includes(backend) ? 'destination' : 'fallback'
  const { look, dot, title } = PLACES[place]
  return (
    <span class={`badge ${look}`} title={title}>
      <span class={dot} aria-hidden="true" />
      <span>{backend}</span>
      {place === 'fallback' && <span class="visually-hidden"> (not moved yet)</span>}
    </span>
  )
}
