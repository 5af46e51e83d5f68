import type { BackendConfig } from './backend-config.ts'
import type { Mistake } from './errors.ts'
import type { Services, Variables } from './variables.ts'

/** Mistakes in how a chain uses `mirror`. */
export function reportMirrors(
  backends: readonly BackendConfig[],
  { variables, services }: { variables: Variables; services: Services },
  mistakes: Mistake[],
): void {
  const first = backends.findIndex(isMirror)
  if (first < 0) return
  const report = (index: number, key: string, problem: string): void => {
    const { name = '' } = backends[index] ?? {}
    mistakes.push({ variable: 'FALLBACK_STORAGES', entry: { index, name }, key, problem })
  }
  if (first === 0) report(0, 'mirror', 'cannot be set on the primary: it is what mirrors repeat')
  for (const [index, backend] of backends.entries()) {
    if (isMirror(backend) && backend.readOnly)
      report(index, 'read_only', 'must be false for a mirror; remove it')
    const before = backends.slice(0, index).find((other) => other.readOnly && !isMirror(other))
    if (isMirror(backend) && before)
      report(
        index,
        'mirror',
        `must come before ${before.name}, from which deleted names would come back once the order is exchanged: move it up`,
      )
    if (index > first && !isMirror(backend) && !backend.readOnly)
      report(index, 'type', 'is writable, so it must come before every mirror: move it up')
  }
  if (variables.FALLBACK_DELETES === 'first') {
    const problem =
      'cannot be "first" with a mirror: without tombstones nothing says which names to delete there; remove it'
    mistakes.push({ variable: 'FALLBACK_DELETES', problem })
  }
  for (const [variable, service] of [
    ['COPY_QUEUE', services.copyQueue],
    ['MIRROR_LOG', services.mirrorLog],
  ] as const)
    if (!service)
      mistakes.push({ variable, problem: 'is missing: a mirror needs it; bind it as in wrangler.toml' })
}

function isMirror(backend: BackendConfig): boolean {
  return 'mirror' in backend && backend.mirror !== undefined && backend.mirror !== false
}
