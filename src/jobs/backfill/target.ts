import type { Backend, WritableBackend } from '../../storage/backend.ts'
import { isWritable } from '../../storage/backend.ts'
import type { Chain } from '../../chain/fallback.ts'
import { takes } from '../../chain/fallback.ts'

/** Where the copy of what `source` holds belongs: the first writable backend before it that takes it. */
export function targetFor(
  chain: Chain,
  source: Backend,
  { name, size }: { name: string; size: number | undefined },
): WritableBackend | 'excluded' | 'too-large' {
  const before = chain.backends.slice(0, chain.backends.indexOf(source)).filter(isWritable)
  const accepting = before.filter((backend) => backend.accepts?.(name) !== false)
  if (accepting.length === 0) return 'excluded'
  return accepting.find((backend) => takes(backend, name, size)) ?? 'too-large'
}
