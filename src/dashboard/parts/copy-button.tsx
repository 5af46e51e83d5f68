import type { IconName } from './icons.ts'
import { Icon } from './icon.tsx'
import { describeShort } from './problem.tsx'
import { showToast } from './toast.tsx'

interface Props {
  /** What is copied, or how to get it. */
  text: string | (() => Promise<string>)
  label: string
  /** What the toast says. */
  copied: string
  icon?: IconName
}

export function CopyButton({ text, label, copied, icon = 'copy' }: Props) {
  return (
    <button type="button" onClick={() => void copyText(typeof text === 'string' ? text : text(), copied)}>
      <Icon name={icon} /> {label}
    </button>
  )
}

/** Copies a text, and says so. */
export async function copyText(text: string | Promise<string>, copied: string): Promise<void> {
  try {
    const blob = Promise.resolve(text).then((resolved) => new Blob([resolved], { type: 'text/plain' }))
    // At once: browsers allow it only while the click is recent.
    await Promise.all([blob, navigator.clipboard.write([new ClipboardItem({ 'text/plain': blob })])])
    showToast(copied, { tone: 'good' })
  } catch (error) {
    showToast(describeShort(error), { tone: 'bad' })
  }
}
