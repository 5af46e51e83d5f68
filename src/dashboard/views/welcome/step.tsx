import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { CopyButton } from '../../parts/copy-button.tsx'
import { Icon } from '../../parts/icon.tsx'
import { describe } from '../../parts/problem.tsx'
import { ApiError } from '../../../client/client.ts'
import { type StepId, STEPS } from './tour-state.ts'

/** What a request of the tour got: a header or a status line, and what that means. */
export type Outcome = { line: string; words: string } | { error: unknown }

interface Props {
  id: StepId
  current: StepId
  title: string
  curl: string
  outcome?: Outcome | undefined
  actions: ComponentChildren
  children: ComponentChildren
}

export function Step({ id, current, title, curl, outcome, actions, children }: Props) {
  const isCurrent = id === current
  const isDone = STEPS.indexOf(id) < STEPS.indexOf(current)
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    // The button that was pressed is gone, and the focus with it.
    const isLost = document.activeElement === document.body || document.activeElement?.matches('.step h2')
    if (isCurrent && isLost) heading.current?.focus({ preventScroll: true })
  }, [isCurrent, outcome])
  return (
    <li class={`card step ${isCurrent ? 'is-current' : ''}`} aria-current={isCurrent ? 'step' : undefined}>
      <span class="step-number" aria-hidden="true">
        {isDone ? <Icon name="check" /> : STEPS.indexOf(id) + 1}
      </span>
      <h2 ref={heading} tabIndex={-1}>
        {title}
        {isDone && <span class="visually-hidden"> (done)</span>}
      </h2>
      <div class="step-body">
        <p>{children}</p>
        {!isDone && <div class="actions">{actions}</div>}
        <div aria-live="polite">{outcome && <Result outcome={outcome} />}</div>
        <div class="step-curl">
          <code>{curl}</code>
          <CopyButton text={curl} label="Copy" copied="The command is copied" />
        </div>
      </div>
    </li>
  )
}

function Result({ outcome }: { outcome: Outcome }) {
  if ('error' in outcome) {
    const { title, detail } = describe(outcome.error)
    const status = outcome.error instanceof ApiError ? `HTTP ${outcome.error.status} ` : ''
    return (
      <p class="step-result tone-bad">
        <code>
          {status}
          {title}
        </code>
        <span>{detail}</span>
      </p>
    )
  }
  return (
    <p class="step-result tone-good">
      <code>{outcome.line}</code>
      <span>{outcome.words}</span>
    </p>
  )
}
