import type { Backends, Explanation } from '../client/client.ts'
import { differences, isHeld } from './compare.ts'

/**
 * What an undelete would do. `uncertain`: another backend has a different object, or a backend that may have it did not
 * answer.
 */
export type Recovery = 'restorable' | 'final' | 'uncertain'

/**
 * A delete replaces the object in the first writable backend by a tombstone, and an undelete takes that away again. So
 * only what another backend has too comes back.
 */
export function recoveryOf(explanation: Explanation, chain: Backends | undefined): Recovery {
  if (chain?.deletes === 'first') return 'final'
  const others = notReplaced(explanation, chain)
  const kept = others.find(isHeld)
  if (kept) return differences(explanation).has(kept.name) ? 'uncertain' : 'restorable'
  const haveAnswered = others.every(({ result }) => result === 'absent' || result === 'deleted')
  return haveAnswered ? 'final' : 'uncertain'
}

/** The backend that still has the object after a delete, if there is one. */
export function keptBy(explanation: Explanation, chain: Backends | undefined): string | undefined {
  return notReplaced(explanation, chain).find(isHeld)?.name
}

/** The backends that a delete leaves as they are. */
function notReplaced({ backends }: Explanation, chain: Backends | undefined): Explanation['backends'] {
  const accepting = backends.filter(({ accepts }) => accepts)
  const replaced = accepting.find(({ name }) => isWritable(name, chain))
  return accepting.filter((backend) => backend !== replaced)
}

/** Whoever may not see the chain's configuration takes each backend for writable. */
function isWritable(name: string, chain: Backends | undefined): boolean {
  return chain?.backends.find((backend) => backend.name === name)?.writable ?? true
}
