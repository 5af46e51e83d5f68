import { copyOver } from '../../migration/copy.ts'
import { type Backend, isWritable } from '../../storage/backend.ts'
import { toStorageError } from '../../storage/errors.ts'
import type { ObjectInfo } from '../../storage/object.ts'

const RESTORE = 'restore it from a mirror, a prior version or a backup'

/** Copies a damaged copy again from the first source that still has the bytes whose digest was recorded, or says why not. */
export async function repairCopy(
  damaged: ObjectInfo,
  target: Backend,
  sources: readonly Backend[],
): Promise<{ from?: string; why?: string }> {
  const { name, version, digests, provenance } = damaged
  if (!provenance || sources.length === 0) return { why: whyUnrepaired(damaged, sources) }
  if (!isWritable(target) || version === undefined || !digests)
    return { why: `${target.name} cannot replace exactly this version: ${RESTORE}` }
  const failures: string[] = []
  for (const source of sources) {
    try {
      const { outcome } = await copyOver(source, target, name, { onlyIf: { version }, digests })
      if (outcome === 'copied') return { from: source.name }
      failures.push(outcome === 'absent' ? `${source.name} no longer has it` : 'it has just been replaced')
    } catch (error) {
      const { code, message } = toStorageError(error, source.name)
      failures.push(`${source.name}: ${code === 'corrupt' ? 'its bytes are others, too' : message}`)
    }
  }
  return { why: `it could not be copied again (${failures.join('; ')}): ${RESTORE}` }
}

/** What can be done about a damaged object that is not repaired now. */
export function whyUnrepaired({ provenance }: ObjectInfo, sources: readonly Backend[]): string {
  if (!provenance) return `it was saved, not copied, and is never replaced: ${RESTORE}`
  const [source] = sources
  if (!source) return `no fallback has it any more: ${RESTORE}`
  return `${source.name} has the name: set FALLBACK_REPAIR = "repair", or start a verification with repair`
}
