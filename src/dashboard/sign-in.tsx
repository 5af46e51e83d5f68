import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './parts/icon.tsx'
import { describe } from './parts/problem.tsx'
import { signIn } from './session.ts'

/** The form to sign in with a token; in a dialog over the view if a session has expired. */
export function SignIn({ isExpired = false }: { isExpired?: boolean }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (isExpired) dialog.current?.showModal()
    else document.title = 'Sign in · fallback-storage'
  }, [isExpired])
  if (!isExpired)
    return (
      <main class="sign-in">
        <Form title="fallback-storage" hint="Sign in with an API token of this deployment." />
      </main>
    )
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-label="Sign in again"
      onCancel={(event) => event.preventDefault()}
    >
      <Form title="Sign in again" hint="Your session has ended. What you were looking at stays here." />
    </dialog>
  )
}

function Form({ title, hint }: { title: string; hint: string }) {
  const error = useSignal<unknown>(undefined)
  const isBusy = useSignal(false)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault()
    isBusy.value = true
    try {
      await signIn(input.current?.value ?? '')
    } catch (failure) {
      error.value = failure
      input.current?.select()
    } finally {
      isBusy.value = false
    }
  }
  return (
    <form class="sign-in-form" onSubmit={submit}>
      <h1>
        <Icon name="key-round" /> {title}
      </h1>
      <p class="muted">{hint}</p>
      <label>
        API token
        <input
          ref={input}
          type="password"
          name="token"
          autoComplete="current-password"
          required
          spellcheck={false}
          aria-invalid={error.value !== undefined}
          aria-describedby={error.value === undefined ? undefined : 'sign-in-error'}
        />
      </label>
      {error.value !== undefined && (
        <p class="field-error" id="sign-in-error" role="alert">
          {describe(error.value).detail}
        </p>
      )}
      <button type="submit" class="primary" disabled={isBusy.value}>
        Sign in
      </button>
      <p class="muted small">
        Tokens are set with <code>npx wrangler secret put API_TOKEN</code>. The page keeps none: it gets a
        cookie that scripts cannot read.
      </p>
    </form>
  )
}
