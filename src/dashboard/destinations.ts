import type { Backends } from '../client/client.ts'

/**
 * The names of the backends in which objects need not move on: those up to the first writable one, and behind KV the one that
 * stores what is too large for KV, unless it is the only other backend.
 */
export function destinationsOf({ backends }: Pick<Backends, 'backends'>): string[] {
  const writer = backends.findIndex(({ writable, role }) => writable && role !== 'mirror')
  const upTo = backends.slice(0, Math.max(0, writer) + 1)
  const behind = backends.slice(upTo.length)
  const larger = behind.find(({ writable, role, type }) => writable && role !== 'mirror' && type !== 'kv')
  const isUsed = larger && backends[writer]?.type === 'kv' && behind.length > 1
  return [...upTo, ...(isUsed ? [larger] : [])].map(({ name }) => name)
}
