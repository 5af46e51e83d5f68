import type { Backends, Explanation } from '../client/client.ts'
import { differences, isHeld } from './compare.ts'

/**
 * What an undelete would do. `uncertain`: another backend has a different object, a backend that may have it did not
 * answer, or it is not known which backends follow deletes.
 */
export type Recovery = 'restorable' | 'final' | 'uncertain'

/**
 * A delete replaces the object in the first writable backend by a tombstone, and an undelete takes that away again. So
 * only what another backend keeps comes back.
 */
export function recoveryOf(explanation: Explanation, chain: Backends | undefined): Recovery {
  if (chain?.deletes === 'first') return 'final'
  const others = notDeleted(explanation, chain)
  const kept = others.find(isHeld)
  if (kept) return !chain || differences(explanation).has(kept.name) ? 'uncertain' : 'restorable'
  const haveAnswered = others.every(({ result }) => result === 'absent' || result === 'deleted')
  return haveAnswered ? 'final' : 'uncertain'
}

/** The backend that still has the object after a delete, if there is one. */
export function keptBy(explanation: Explanation, chain: Backends | undefined): string | undefined {
  return notDeleted(explanation, chain).find(isHeld)?.name
}

/** Whether the backend is a mirror from which deleted objects are deleted, too. */
export function followsDeletes(name: string, chain: Backends | undefined): boolean {
  const backend = find(name, chain)
  return backend?.role === 'mirror' && backend.config?.['mirror'] !== 'keep-deleted'
}

/** The backends that a delete leaves as they are. */
function notDeleted({ backends }: Explanation, chain: Backends | undefined): Explanation['backends'] {
  const accepting = backends.filter(({ accepts, name }) => accepts && !followsDeletes(name, chain))
  // Whoever may not see the chain's configuration takes each backend for writable.
  const replaced = accepting.find(({ name }) => find(name, chain)?.writable ?? true)
  return accepting.filter((backend) => backend !== replaced)
}

function find(name: string, chain: Backends | undefined): Backends['backends'][number] | undefined {
  return chain?.backends.find((backend) => backend.name === name)
}
