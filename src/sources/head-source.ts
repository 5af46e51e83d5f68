import type { Backend } from '../storage/backend.ts'
import { spellings } from '../storage/name.ts'
import type { ObjectInfo } from '../storage/object.ts'

/**
 * What the source itself has at this moment, never what is remembered of it: under the name or, if `holder` is R2, under an
 * equivalent one.
 */
export async function headSource(
  source: Backend,
  name: string,
  { holder, signal }: { holder?: Backend | undefined; signal?: AbortSignal | undefined },
): Promise<ObjectInfo | null> {
  for (const spelling of holder?.type === 'r2' ? spellings(name) : [name]) {
    const found = await source.head(spelling, { fresh: true, signal })
    if (found && !found.deleted) return found
  }
  return null
}
