import { useSignal } from '@preact/signals'
import type { Explanation } from '../../../client/client.ts'
import { chain, isChainLoading } from '../../chain.ts'
import { linkTo } from '../../links.ts'
import { CopyButton } from '../../parts/copy-button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { lastSegment, visible } from '../../parts/name.tsx'
import { describeShort } from '../../parts/problem.tsx'
import { showToast } from '../../parts/toast.tsx'
import { client, may } from '../../session.ts'
import { keptBy, recoveryOf } from '../../deletion.ts'
import { DeleteDialog } from './delete-dialog.tsx'

interface Props {
  explanation: Explanation
  /** After something has changed. */
  onChange: () => void
}

const MIGRATABLE = ['pending', 'not_migrating']

export function Actions({ explanation, onChange }: Props) {
  const { name, would_serve: serving, migration } = explanation
  const isConfirming = useSignal(false)
  const kept =
    recoveryOf(explanation, chain.value) === 'restorable' ? keptBy(explanation, chain.value) : undefined
  const isBusy = useSignal(false)
  const run = async (action: Promise<void>): Promise<void> => {
    isBusy.value = true
    await action
    isBusy.value = false
  }
  const remove = (): void => {
    isConfirming.value = false
    void run(deleteName(name, kept, onChange))
  }
  return (
    <>
      {serving !== null && (
        <>
          <a class="button" href={client.openUrl(name)} target="_blank" rel="noreferrer">
            <Icon name="external-link" /> Open
          </a>
          <a class="button" href={client.openUrl(name)} download={lastSegment(name)}>
            <Icon name="download" /> Download
          </a>
        </>
      )}
      <CopyButton icon="link" text={() => linkTo(name)} label="Copy link" copied="The link is copied" />
      <CopyButton text={name} label="Copy name" copied="The name is copied" />
      {MIGRATABLE.includes(migration.state) && may('write') && (
        <button
          type="button"
          class="primary"
          disabled={isBusy.value}
          onClick={() => void run(migrateName(name, onChange))}
        >
          <Icon name="arrow-right-left" /> Migrate now
        </button>
      )}
      {serving !== null && may('write') && (
        <button
          type="button"
          class="danger"
          disabled={isBusy.value || isChainLoading.value}
          onClick={() => (kept === undefined ? (isConfirming.value = true) : remove())}
        >
          <Icon name="trash-2" /> Delete
        </button>
      )}
      {isConfirming.value && (
        <DeleteDialog
          explanation={explanation}
          onConfirm={() => remove()}
          onClose={() => (isConfirming.value = false)}
        />
      )}
    </>
  )
}

const MIGRATED = {
  copied: 'is copied',
  present: 'had been copied already',
  absent: 'is in no backend any more',
} as const

/** Copies the name into the primary now, and says what came of it. */
export async function migrateName(name: string, onChange: () => void): Promise<void> {
  try {
    const [result] = await client.migrate([name])
    if (result?.outcome === 'failed')
      showToast(`${shown(name)} was not copied: ${result.detail ?? result.error}`, { tone: 'bad' })
    else if (result)
      showToast(`${shown(name)} ${MIGRATED[result.outcome]}`, {
        tone: result.outcome === 'absent' ? 'idle' : 'good',
      })
  } catch (error) {
    showToast(describeShort(error), { tone: 'bad' })
  }
  onChange()
}

/** `kept`: the backend from which an undo would restore the same object. */
async function deleteName(name: string, kept: string | undefined, onChange: () => void): Promise<void> {
  try {
    await client.delete(name)
    if (kept === undefined) showToast(`${shown(name)} is deleted`)
    else {
      showToast(`${shown(name)} is deleted. ${kept} still has it.`, {
        action: { label: 'Undo', run: () => void undelete(name, onChange) },
      })
    }
  } catch (error) {
    showToast(describeShort(error), { tone: 'bad' })
  }
  onChange()
}

export async function undelete(name: string, onChange: () => void): Promise<void> {
  try {
    const { restored, backend } = await client.undelete(name)
    if (restored) showToast(`${shown(name)} is back: ${backend} serves it`, { tone: 'good' })
    else showToast(`${shown(name)} is no longer marked as deleted, but no backend has it`)
  } catch (error) {
    showToast(describeShort(error), { tone: 'bad' })
  }
  onChange()
}

function shown(name: string): string {
  return visible(lastSegment(name))
}
