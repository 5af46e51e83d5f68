import type { Backend } from '../storage/backend.ts'
import type { ObjectInfo } from '../storage/object.ts'

/**
 * What the source itself has at this moment, never what is remembered of it: under the name or, if `holder` is R2, under an
 * equivalent one, as for R2 these are one name (developers.cloudflare.com/r2/reference/unicode-interoperability).
 */
export async function headSource(
  source: Backend,
  name: string,
  { holder, signal }: { holder?: Backend | undefined; signal?: AbortSignal | undefined },
): Promise<ObjectInfo | null> {
  const others = holder?.type === 'r2' ? [name.normalize('NFC'), name.normalize('NFD')] : []
  for (const spelling of new Set([name, ...others])) {
    const found = await source.head(spelling, { fresh: true, signal })
    if (found && !found.deleted) return found
  }
  return null
}
