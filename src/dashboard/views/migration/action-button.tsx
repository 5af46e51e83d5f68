import type { ComponentChildren } from 'preact'
import { useSignal } from '@preact/signals'
import { Icon } from '../../parts/icon.tsx'
import type { IconName } from '../../parts/icons.ts'
import { describeShort } from '../../parts/problem.tsx'
import { showToast } from '../../parts/toast.tsx'

interface Props {
  icon: IconName
  run: () => Promise<unknown>
  class?: string
  children: ComponentChildren
}

/** A button that sends a request. It keeps the focus meanwhile, so it is not really disabled. */
export function ActionButton({ icon, run, class: style, children }: Props) {
  const isBusy = useSignal(false)
  const start = async (): Promise<void> => {
    if (isBusy.value) return
    isBusy.value = true
    try {
      await run()
    } catch (error) {
      showToast(describeShort(error), { tone: 'bad' })
    } finally {
      isBusy.value = false
    }
  }
  return (
    <button type="button" class={style} aria-disabled={isBusy.value} onClick={() => void start()}>
      <Icon name={icon} /> {children}
    </button>
  )
}
