import { type ReadonlySignal, signal, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { ApiError } from '../client/client.ts'

export interface Polled<Data> {
  /** The latest data. It stays while later requests fail. */
  data: Data | undefined
  /** Why the latest request failed. */
  error: unknown
  /** When the data arrived, in milliseconds since 1970. */
  at: number | undefined
  /** Loads again now. */
  reload: () => void
}

interface Options<Data> {
  /** Milliseconds until the next request; null: no further one. */
  every: number | null | ((data: Data) => number | null)
}

const MAX_WAIT_MS = 60_000

/** Ticks when the page is shown again, e.g. after another tab was in front. */
const shown = signal(0)
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') shown.value += 1
})

/**
 * Loads data now and again and again while the page is visible. `key` names what is loaded: answers for another key are
 * dropped. After failures it waits longer.
 */
export function usePoll<Data>(
  key: string,
  load: (signal: AbortSignal) => Promise<Data>,
  { every }: Options<Data>,
): Polled<Data> {
  const state = useSignal<{ key: string; data?: Data; error?: unknown; at?: number }>({ key })
  const version = useSignal(0)
  const visible = (shown as ReadonlySignal<number>).value
  useEffect(() => {
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    let failures = 0
    const schedule = (wait: number | null): void => {
      if (wait === null || abort.signal.aborted || document.visibilityState === 'hidden') return
      timer = setTimeout(() => void run(), Math.min(MAX_WAIT_MS, wait * 2 ** failures))
    }
    const waitAfter = (data: Data | undefined): number | null =>
      typeof every === 'function' ? (data === undefined ? 5000 : every(data)) : every
    const run = async (): Promise<void> => {
      const before = state.peek()
      const kept = before.key === key ? before.data : undefined
      try {
        const data = await load(abort.signal)
        if (abort.signal.aborted) return
        failures = 0
        state.value = { key, data, at: Date.now() }
        schedule(waitAfter(data))
      } catch (error) {
        if (abort.signal.aborted) return
        failures += 1
        state.value = { ...before, key, error, ...(kept !== undefined && { data: kept }) }
        // Signing in starts a new poll.
        if (!(error instanceof ApiError && error.status === 401)) schedule(waitAfter(kept) ?? 5000)
      }
    }
    void run()
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [key, version.value, visible])
  const current = state.value
  const isCurrent = current.key === key
  return {
    data: isCurrent ? current.data : undefined,
    error: isCurrent ? current.error : undefined,
    at: isCurrent ? current.at : undefined,
    reload: () => (version.value += 1),
  }
}
