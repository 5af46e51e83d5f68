import { Icon } from './icon.tsx'
import type { IconName } from './icons.ts'

interface Props<Id extends string> {
  label: string
  choices: readonly { id: Id; label: string; icon?: IconName }[]
  chosen: Id
  onChoose: (id: Id) => void
}

/** A choice between a few buttons side by side. */
export function Segmented<Id extends string>({ label: group, choices, chosen, onChoose }: Props<Id>) {
  return (
    <div class="segmented" role="group" aria-label={group}>
      {choices.map(({ id, label, icon }) => (
        <button
          type="button"
          key={id}
          aria-label={label}
          title={icon && label}
          aria-pressed={chosen === id}
          onClick={() => onChoose(id)}
        >
          {icon ? <Icon name={icon} /> : label}
        </button>
      ))}
    </div>
  )
}
