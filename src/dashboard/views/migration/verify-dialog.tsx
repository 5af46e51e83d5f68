import { useSignal } from '@preact/signals'
import type { Acceptable, DIRECTIONS } from '../../../schemas/reasons.ts'
import { chain } from '../../chain.ts'
import { Dialog } from '../../parts/dialog.tsx'
import { Icon } from '../../parts/icon.tsx'
import { Problem } from '../../parts/problem.tsx'
import { client } from '../../session.ts'
import { REASONS } from './verifications.ts'

export type VerificationDirection = (typeof DIRECTIONS)[number]

interface Props {
  direction: VerificationDirection
  onClose: () => void
  onStarted: () => void
}

/** Starts a verification: how it compares, which names, and what is accepted. */
export function VerifyDialog({ direction, onClose, onStarted }: Props) {
  const mirrors = chain.value?.backends.filter(({ role }) => role === 'mirror') ?? []
  const error = useSignal<unknown>(undefined)
  const isBusy = useSignal(false)
  const start = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault()
    if (isBusy.value) return
    const fields = new FormData(event.currentTarget as HTMLFormElement)
    isBusy.value = true
    try {
      const mirror = fields.get('mirror')
      await client.startVerification({
        direction,
        ...(typeof mirror === 'string' && mirror !== '' && { mirror }),
        deep: fields.get('how') === 'deep',
        prefix: fields.get('prefix') as string,
        accept: fields.getAll('accept') as Acceptable[],
      })
      onStarted()
    } catch (failure) {
      error.value = failure
      isBusy.value = false
    }
  }
  return (
    <Dialog
      title={direction === 'rollback' ? 'Verify the way back' : 'Verify the migration'}
      onClose={onClose}
    >
      <form class="form" onSubmit={(event) => void start(event)}>
        {direction === 'rollback' && mirrors.length > 1 && (
          <label class="field">
            With
            <select name="mirror">
              <option value="">all mirrors</option>
              {mirrors.map(({ name }) => (
                <option key={name}>{name}</option>
              ))}
            </select>
          </label>
        )}
        <fieldset>
          <legend>Compare</legend>
          <label class="choice">
            <input type="radio" name="how" value="shallow" defaultChecked />
            <span>
              Sizes and known digests
              <span class="muted small">Lists both sides; reads no bodies.</span>
            </span>
          </label>
          <label class="choice">
            <input type="radio" name="how" value="deep" />
            <span>
              All bytes
              <span class="muted small">
                Reads every object on both sides, which takes longer and may cost egress.
              </span>
            </span>
          </label>
        </fieldset>
        <label class="field">
          Only names that begin with
          <input name="prefix" placeholder="all names" autoComplete="off" spellcheck={false} />
        </label>
        <details>
          <summary>Accept what cannot be compared</summary>
          <fieldset>
            <legend class="muted small">
              What you accept is no reason against it any more. The certificate lists it.
            </legend>
            {REASONS.map(({ reason, meaning }) => (
              <label class="choice" key={reason}>
                <input type="checkbox" name="accept" value={reason} />
                <span>
                  {meaning} <code class="muted">{reason}</code>
                </span>
              </label>
            ))}
          </fieldset>
        </details>
        {error.value !== undefined && <Problem error={error.value} />}
        <footer>
          <button type="submit" class="primary" aria-disabled={isBusy.value}>
            <Icon name="shield-check" /> Verify
          </button>
        </footer>
      </form>
    </Dialog>
  )
}
