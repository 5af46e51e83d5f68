import { computed, signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { Backends } from '../client/client.ts'
import { destinationsOf } from './destinations.ts'
import { usePoll } from './poll.ts'
import { client, may } from './session.ts'

/** The chain as `GET backends` describes it; undefined until it is known, or if the session may not see it. */
export const chain = signal<Backends | undefined>(undefined)
/** Why the latest request for it failed. */
export const chainError = signal<unknown>(undefined)
/** The name of the first backend. */
export const primary = computed(() => chain.value?.backends[0]?.name)
/** The backends that objects are moved to; none while the chain is not known. */
export const destinations = computed(() => (chain.value ? destinationsOf(chain.value) : []))
/** Whether its first answer is still to come. */
export const isChainLoading = computed(
  () => may('admin') && chain.value === undefined && chainError.value === undefined,
)

const EVERY_MS = 10_000

/** Keeps `chain` up to date while it is rendered. */
export function ChainPoll() {
  const { data, error } = usePoll('chain', client.backends, { every: EVERY_MS })
  useEffect(() => {
    chain.value = data
    chainError.value = error
  }, [data, error])
  useEffect(() => () => void (chain.value = chainError.value = undefined), [])
  return null
}
