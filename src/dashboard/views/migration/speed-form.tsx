import { useSignal } from '@preact/signals'
import type { BackfillRequest } from '../../../client/client.ts'
import { Icon } from '../../parts/icon.tsx'
import { ActionButton } from './action-button.tsx'

interface Props {
  /** Of the button. */
  label: string
  onStart: (speed: Pick<BackfillRequest, 'max_concurrency' | 'max_per_second'>) => Promise<void>
  onBack: () => void
}

/** The last step before a job that copies: how fast, and the button that starts it. */
export function SpeedForm({ label, onStart, onBack }: Props) {
  const concurrency = useSignal('4')
  const perSecond = useSignal('')
  const start = () =>
    onStart({
      max_concurrency: Number(concurrency.value),
      ...(perSecond.value !== '' && { max_per_second: Number(perSecond.value) }),
    })
  return (
    <>
      <details>
        <summary>Speed</summary>
        <div class="columns">
          <label class="field">
            Consumers at the same time
            <input
              type="number"
              min="1"
              max="1000"
              value={concurrency.value}
              onInput={(event) => (concurrency.value = event.currentTarget.value)}
            />
          </label>
          <label class="field">
            Objects per second, at most
            <input
              type="number"
              min="1"
              placeholder="no limit"
              value={perSecond.value}
              onInput={(event) => (perSecond.value = event.currentTarget.value)}
            />
          </label>
        </div>
      </details>
      <footer>
        <button type="button" onClick={onBack}>
          <Icon name="arrow-left" /> Back
        </button>
        <ActionButton icon="play" class="primary" run={start}>
          {label}
        </ActionButton>
      </footer>
    </>
  )
}
