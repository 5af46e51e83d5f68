import { cancelBody } from '../bodies/cancel.ts'
import type { Backend, GetOptions, ReadOptions } from '../storage/backend.ts'
import { whyInvalid } from '../storage/name.ts'
import type { ObjectInfo, StoredObject } from '../storage/object.ts'

export interface RewriteOptions {
  /** Regular expressions, and what replaces their first match in the name. */
  rules: readonly (readonly [string, string])[]
  /** The same backend, whose reads are not shared: what is found under another name is not copied. */
  originals: Pick<Backend, 'get' | 'head' | 'accepts'>
  /** Whether the chain has deleted a name that this backend still has. */
  isDeleted: (name: string) => Promise<boolean>
}

/**
 * Where the backend lacks a name, the names that the rules make of it are tried, in order: the original of a missing
 * derivative. If all that is found is a tombstone, the derivative is deleted, too. For reads of media only.
 */
export function withRewrite(backend: Backend, { rules, originals, isDeleted }: RewriteOptions): Backend {
  const compiled = rules.map(([source, replacement]) => [new RegExp(source, 'u'), replacement] as const)
  const originalsOf = (name: string): Set<string> => {
    const names = compiled.map(([pattern, replacement]) => name.replace(pattern, replacement))
    const isUsable = (other: string): boolean =>
      other !== name && whyInvalid(other) === undefined && originals.accepts?.(other) !== false
    return new Set(names.filter(isUsable))
  }
  const readWith =
    <Options extends ReadOptions, Info extends ObjectInfo & Partial<StoredObject>>(
      readName: (name: string, options?: Options) => Promise<Info | null>,
      readOriginal: (name: string, options?: Options) => Promise<Info | null>,
    ) =>
    async (name: string, options?: Options): Promise<Info | null> => {
      const found = await readName(name, options)
      if (found && !found.lifted) return found
      await cancelBody(found?.body)
      // A speculative request is one request.
      await options?.needed
      let tombstone: Info | null = null
      for (const original of originalsOf(name)) {
        const other = await readOriginal(original, options)
        if (!other) continue
        let isServed = false
        try {
          isServed = !other.deleted && !(await isDeleted(original))
        } finally {
          if (!isServed) await cancelBody(other.body)
        }
        if (isServed) return { ...other, substitute: other.substitute ?? 'original' }
        if (other.deleted && !other.lifted) tombstone ??= other
      }
      return tombstone
    }
  return {
    ...backend,
    get: readWith<GetOptions, StoredObject>(backend.get, originals.get),
    head: readWith<ReadOptions, ObjectInfo>(backend.head, originals.head),
  }
}
