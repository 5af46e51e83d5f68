import type { Backends, Explanation } from '../../../client/client.ts'
import { differences, isHeld } from '../../object/compare.ts'

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
  const accepting = explanation.backends.filter(({ accepts }) => accepts)
  const replaced = accepting.find(({ name }) => isWritable(name, chain))
  const others = accepting.filter((backend) => backend !== replaced)
  const kept = others.find(isHeld)
  if (kept) return differences(explanation).has(kept.name) ? 'uncertain' : 'restorable'
  const haveAnswered = others.every(({ result }) => result === 'absent' || result === 'deleted')
  return haveAnswered ? 'final' : 'uncertain'
}

/** Whoever may not see the chain's configuration takes each backend for writable. */
function isWritable(name: string, chain: Backends | undefined): boolean {
  return chain?.backends.find((backend) => backend.name === name)?.writable ?? true
}
