import type { IconName } from './icons.ts'
import { Icon } from './icon.tsx'
import { describeShort } from './problem.tsx'
import { showToast } from './toast.tsx'

interface Props {
  /** What is copied. */
  text: string
  label: string
  /** What the toast says. */
  copied: string
  icon?: IconName
}

export function CopyButton({ text, label, copied, icon = 'copy' }: Props) {
  return (
    <button type="button" onClick={() => void copyText(text, copied)}>
      <Icon name={icon} /> {label}
    </button>
  )
}

/** Copies a text, and says so. */
export async function copyText(text: string, copied: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text)
    showToast(copied, { tone: 'good' })
  } catch (error) {
    showToast(describeShort(error), { tone: 'bad' })
  }
}
