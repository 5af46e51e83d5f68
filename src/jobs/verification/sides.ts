import type { Chain } from '../../chain/fallback.ts'
import { largerWriters } from '../../chain/placement.ts'
import { type Backend, isListable, isWritable, type ListableBackend } from '../../storage/backend.ts'
import { StorageError } from '../../storage/errors.ts'
import { spellings } from '../../storage/name.ts'
import { mirrored } from '../mirrored.ts'
import type { Held, Step } from '../walk.ts'
import type { VerificationOptions, VerificationRecord } from './record.ts'

type Backends = Pick<Chain, 'backends'>
type Choice = Partial<Pick<VerificationOptions, 'direction' | 'mirror' | 'repair'>>

interface Sides {
  /** The backend that everything is copied to, and the others are compared with. */
  primary: ListableBackend
  /** The backends behind it, except for those that store what is too large for it; in a rollback verification the mirrors. */
  others: readonly Backend[]
  /** The names of those that cannot list, of both sides. */
  unlistable: string[]
}

/** What a verification compares. Throws if it could compare nothing. */
export function chooseSides(chain: Backends, choice: Choice): Sides {
  const isRollback = choice.direction === 'rollback'
  const primary = primaryOf(chain)
  const behind = chain.backends.slice(chain.backends.indexOf(primary) + 1)
  const larger = largerWriters(chain)
  const others = isRollback
    ? chooseMirrors(behind, choice.mirror)
    : behind.filter((backend) => !larger.includes(backend))
  if (!isRollback && choice.mirror !== undefined)
    throw new StorageError('invalid', 'mirror: only a verification with the direction "rollback" has it')
  if (isRollback && choice.repair)
    throw new StorageError('invalid', 'repair: a resync is what repairs mirrors, so leave it out')
  if (others.length === 0)
    throw new StorageError(
      'unsupported',
      `no backend is behind ${primary.name}: there is nothing to compare with`,
    )
  const unlistable = [...(isRollback ? mirrored(chain) : []), ...others].filter((one) => !isListable(one))
  return { primary, others, unlistable: unlistable.map(({ name }) => name) }
}

function primaryOf({ backends }: Backends): ListableBackend {
  const primary = backends.find(isWritable) ?? backends[0]
  if (primary && isListable(primary)) return primary
  throw new StorageError(
    'unsupported',
    `${primary?.name ?? 'the chain'} cannot list, so nothing can be compared`,
  )
}

function chooseMirrors(behind: readonly Backend[], name: string | undefined): readonly Backend[] {
  const mirrors = behind.filter(({ mirror }) => mirror)
  if (mirrors.length === 0)
    throw new StorageError('invalid', 'no backend is a mirror: set `mirror = true` on the old storage')
  const chosen = mirrors.filter((mirror) => name === undefined || mirror.name === name)
  if (chosen.length > 0) return chosen
  const known = mirrors.map((mirror) => mirror.name).join(', ')
  throw new StorageError('invalid', `mirror: "${name}" is not a mirror (mirrors: ${known})`)
}

/** The primary comes first. */
export type ListedSides = [ListableBackend, ...ListableBackend[]]

/** The backends that are listed. Others than fallbacks are, too: what they serve does not depend on a fallback. */
export function listedSides(
  chain: Backends,
  { fallbacks, options }: Pick<VerificationRecord, 'fallbacks' | 'options'>,
): ListedSides {
  const primary = primaryOf(chain)
  const others = chain.backends.filter((backend) => backend !== primary).filter(isListable)
  if (options.direction !== 'rollback') return [primary, ...others]
  const besides = mirrored(chain)
  const isCompared = ({ name, mirror }: Backend): boolean => !!mirror && fallbacks.includes(name)
  return [primary, ...others.filter((one) => besides.includes(one) || isCompared(one))]
}

/** If none of the backends lists the name: with what R2 has under an equivalent one, which it lists in the spelling stored last. */
export async function withEquivalent(step: Step, backends: readonly ListableBackend[]): Promise<Step> {
  const { name, held } = step
  if (spellings(name).length === 1 || held.some(({ backend }) => backends.includes(backend))) return step
  const found = await Promise.all(
    backends.map(async (backend): Promise<Held[]> => {
      const object = backend.type === 'r2' ? await backend.head(name) : null
      if (!object) return []
      // Where a copy is from does not say from which of the names.
      const { provenance: _, etag: __, ...bytes } = object
      return [{ backend, object: object.deleted ? object : bytes, isEquivalent: true }]
    }),
  )
  return { name, held: [...found.flat(), ...held] }
}

/** Backends that could list when the job was started, and are no longer compared. */
export function goneFrom(chain: Backends, record: VerificationRecord): string[] {
  const isRollback = record.options.direction === 'rollback'
  const sides = listedSides(chain, record).filter(({ mirror }) => mirror || !isRollback)
  const compared = new Set([...sides.map(({ name }) => name), ...record.unlistable])
  return record.fallbacks
    .filter((name) => !compared.has(name))
    .map(
      (name) => `${name} was removed from the configuration, or can no longer list, before it was compared`,
    )
}
