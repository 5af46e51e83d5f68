import type { Backends, Explanation } from '../../../client/client.ts'

/** Whether an undelete would bring the object back: `unknown` if a backend that may have it did not answer. */
export type Recovery = 'restorable' | 'final' | 'unknown'

/**
 * A delete replaces the object in the first writable backend by a tombstone, and an undelete takes that away again. So
 * only what another backend has too comes back.
 */
export function recoveryOf({ backends }: Explanation, chain: Backends | undefined): Recovery {
  if (chain?.deletes === 'first') return 'final'
  const accepting = backends.filter(({ accepts }) => accepts)
  const replaced = accepting.find(({ name }) => isWritable(name, chain))
  const others = accepting.filter((backend) => backend !== replaced)
  if (others.some(({ result }) => result === 'hit')) return 'restorable'
  const failed = others.some(({ result }) => result !== 'absent' && result !== 'deleted')
  return failed ? 'unknown' : 'final'
}

/** Whoever may not see the chain's configuration takes each backend for writable. */
function isWritable(name: string, chain: Backends | undefined): boolean {
  return chain?.backends.find((backend) => backend.name === name)?.writable ?? true
}
