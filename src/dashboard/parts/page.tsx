import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'
import { formatAgo } from '../format.ts'
import { Icon } from './icon.tsx'

interface Props {
  /** Of the document, and of the heading unless there is another. */
  title: string
  heading?: ComponentChildren
  actions?: ComponentChildren
  children: ComponentChildren
}

/** The frame of a view. Its heading gets the focus when the view changes, so that screen readers announce it. */
export function Page({ title, heading = title, actions, children }: Props) {
  const element = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · fallback-storage`
    element.current?.focus({ preventScroll: true })
  }, [title])
  return (
    <>
      <header class="page-header">
        <h1 ref={element} tabIndex={-1}>
          {heading}
        </h1>
        {actions && <div class="actions">{actions}</div>}
      </header>
      {children}
    </>
  )
}

/** Says that what is shown is old, because later requests failed. */
export function Stale({ at, error }: { at: number | undefined; error: unknown }) {
  if (error === undefined || at === undefined) return null
  return (
    <p class="notice tone-warn" role="status">
      <Icon name="triangle-alert" /> Not up to date: loaded {formatAgo(at)}, and the latest request failed.
    </p>
  )
}

/** In place of data that does not exist. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <section class="empty">
      <strong>{title}</strong>
      {children}
    </section>
  )
}

/** Before the first data. */
export function Loading() {
  return (
    <div class="loading" aria-busy="true">
      <span class="visually-hidden">Loading …</span>
      <span class="skeleton" />
      <span class="skeleton" />
      <span class="skeleton" />
    </div>
  )
}
