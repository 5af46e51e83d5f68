import { computed, effect, signal } from '@preact/signals'
import type { Backends } from '../client/client.ts'
import { client, may, session } from './session.ts'

/** The chain as `GET backends` describes it; undefined until it is known, or if the session may not see it. */
export const chain = signal<Backends | undefined>(undefined)
/** Why the latest request for it failed. */
export const chainError = signal<unknown>(undefined)
/** The name of the first backend. */
export const primary = computed(() => chain.value?.backends[0]?.name)

const EVERY_MS = 10_000

/** Keeps `chain` up to date while somebody who may see it is signed in and the page is visible. */
export function watchChain(): void {
  let timer: ReturnType<typeof setTimeout> | undefined
  const run = async (): Promise<void> => {
    clearTimeout(timer)
    if (!may('admin') || document.visibilityState === 'hidden') return
    try {
      chain.value = await client.backends()
      chainError.value = undefined
    } catch (error) {
      chainError.value = error
    }
    timer = setTimeout(() => void run(), EVERY_MS)
  }
  effect(() => {
    if (session.value) void run()
    else chain.value = undefined
  })
  document.addEventListener('visibilitychange', () => void run())
}
