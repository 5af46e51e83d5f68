import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { Icon } from './parts/icon.tsx'
import { describe } from './parts/problem.tsx'
import { refusal, signIn } from './session.ts'

/** The form to sign in with a token. */
export function SignIn() {
  useEffect(() => {
    document.title = 'Sign in · fallback-storage'
  }, [])
  return (
    <main class="sign-in">
      <Form
        title="fallback-storage"
        hint="Sign in with an API token of this deployment."
        failure={refusal.value}
      />
    </main>
  )
}

/** A dialog over the view, after the session has ended by itself. */
export function SignInAgain({ by }: { by: 'token' | 'reload' }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-label="Sign in again"
      onCancel={(event) => event.preventDefault()}
    >
      {by === 'token' ? (
        <Form title="Sign in again" hint="Your session has ended. What you were looking at stays here." />
      ) : (
        <div class="sign-in-form">
          <h1>
            <Icon name="key-round" /> Sign in again
          </h1>
          <p class="muted">
            Your login has ended. Load the page again to sign in; it comes back to where you are.
          </p>
          <button type="button" class="primary" onClick={() => location.reload()}>
            <Icon name="refresh-cw" /> Load again
          </button>
        </div>
      )}
    </dialog>
  )
}

interface FormProps {
  title: string
  hint: string
  /** Why signing in has failed already. */
  failure?: unknown
}

function Form({ title, hint, failure: earlier }: FormProps) {
  const error = useSignal(earlier)
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
