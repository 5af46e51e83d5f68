import { useSignal } from '@preact/signals'
import { formatBytes, plural } from '../format.ts'
import { Icon } from '../parts/icon.tsx'
import { Name, visible } from '../parts/name.tsx'
import { describe } from '../parts/problem.tsx'
import { formatRoute } from '../route.ts'
import { progressOf, type Upload } from './queue.ts'
import { queue } from './uploads.ts'

const MAX_SHOWN = 200

/** The uploads of this page, in a corner over whatever is shown. */
export function UploadList() {
  /** Null until somebody opens or closes it: then it is open as long as there is something to see. */
  const choice = useSignal<boolean | null>(null)
  const uploads = queue.uploads.value
  if (uploads.length === 0) return null
  const isBusy = queue.isBusy.value
  const isOpen = choice.value ?? !uploads.every(isStoredAsAsked)
  // What needs attention comes first.
  const shown = uploads.toSorted((a, b) => RANKS[a.state] - RANKS[b.state]).slice(0, MAX_SHOWN)
  const percent = Math.floor(progressOf(uploads) * 100)
  return (
    <section class="uploads" aria-label="Uploads">
      <header>
        <h2>
          <Icon name={isBusy ? 'upload' : 'circle-check'} /> {headline(uploads, percent)}
        </h2>
        <button
          type="button"
          class="icon-button"
          aria-expanded={isOpen}
          aria-label={isOpen ? 'Hide the files' : 'Show the files'}
          onClick={() => (choice.value = !isOpen)}
        >
          <Icon name="chevron-right" class={isOpen ? 'is-open' : ''} />
        </button>
        {!isBusy && uploads.some(({ state }) => state === 'failed') && (
          <button type="button" onClick={() => queue.retryFailed()}>
            Try again
          </button>
        )}
        {isBusy ? (
          <button type="button" onClick={() => queue.cancelAll()}>
            Cancel all
          </button>
        ) : (
          <button
            type="button"
            class="icon-button"
            aria-label="Close"
            onClick={() => {
              queue.clear()
              choice.value = null
            }}
          >
            <Icon name="x" />
          </button>
        )}
      </header>
      {isBusy && <progress max={100} value={percent} aria-label="All uploads" />}
      {isOpen && (
        <ul class="plain">
          {shown.map((upload) => (
            <UploadRow key={upload.id} upload={upload} />
          ))}
          {uploads.length > MAX_SHOWN && <li class="muted">and {uploads.length - MAX_SHOWN} more</li>}
        </ul>
      )}
    </section>
  )
}

function isStoredAsAsked({ name, storedAs }: Upload): boolean {
  return name === storedAs
}

const RANKS: Record<Upload['state'], number> = { failed: 0, sending: 1, waiting: 2, done: 3, cancelled: 4 }

function headline(uploads: readonly Upload[], percent: number): string {
  const count = (state: Upload['state']) => uploads.filter((upload) => upload.state === state).length
  const failed = count('failed')
  if (uploads.some(({ state }) => state === 'sending' || state === 'waiting'))
    return `${plural(uploads.length, 'file')}, ${percent} %`
  return `${plural(count('done'), 'file')} uploaded${failed > 0 ? `, ${failed} failed` : ''}`
}

function UploadRow({ upload: { id, name, file, state, sent, storedAs, error } }: { upload: Upload }) {
  const label = visible(storedAs ?? name)
  return (
    <li class={`upload is-${state}`}>
      <div class="upload-what">
        {storedAs === undefined ? (
          <Name name={name} max={40} />
        ) : (
          <a href={formatRoute({ view: 'object', name: storedAs })}>
            <Name name={storedAs} max={40} />
          </a>
        )}
        <span class={state === 'failed' ? 'field-error small' : 'muted small'}>
          {state === 'waiting' && `waiting, ${formatBytes(file.size)}`}
          {state === 'sending' && `${formatBytes(Math.min(sent, file.size))} of ${formatBytes(file.size)}`}
          {state === 'done' && (storedAs === name ? formatBytes(file.size) : 'stored under this name')}
          {state === 'cancelled' && 'cancelled'}
          {state === 'failed' && describe(error).detail}
        </span>
        {state === 'sending' && <progress max={Math.max(1, file.size)} value={sent} aria-label={label} />}
      </div>
      {(state === 'waiting' || state === 'sending') && (
        <button
          type="button"
          class="icon-button"
          aria-label={`Cancel ${label}`}
          onClick={() => queue.cancel(id)}
        >
          <Icon name="x" />
        </button>
      )}
      {(state === 'failed' || state === 'cancelled') && (
        <button
          type="button"
          class="icon-button"
          aria-label={`Try ${label} again`}
          onClick={() => queue.retry(id)}
        >
          <Icon name="rotate-ccw" />
        </button>
      )}
      {state === 'done' && <Icon name="check" class="tone-good" />}
    </li>
  )
}
