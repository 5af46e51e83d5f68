import { isListable, type ListableBackend } from '../../storage/backend.ts'
import { failureOfBody, StorageError, toStorageError } from '../../storage/errors.ts'
import type { Chain } from '../../storage/fallback.ts'
import { isBuried } from '../backfill/judge.ts'
import type { Held, Step } from '../walk.ts'
import { compare, type DifferenceKind } from './compare.ts'

/** What one name turned out to be. */
export interface Finding {
  name: string
  kind: DifferenceKind | 'equal' | 'tombstoned'
  /** Whether only the sizes could be compared. */
  bySize?: boolean
  /** Whether a fallback holds it. */
  held: boolean
  backend: string
  detail: string
  /** The source's ETag looked like the MD5 of other bytes, and the bytes are the same. */
  oddTag?: boolean
}

export interface ExamineOptions {
  chain: Chain
  primary: ListableBackend
  deep: boolean
  /** Whether that backend's ETags may be taken for MD5 digests. */
  trustTags: (backend: string) => boolean
}

/** Compares what both sides hold of a name; `null` where neither holds an object. */
export async function examine(step: Step, options: ExamineOptions): Promise<Finding | null> {
  const { name, held } = step
  const { primary, chain } = options
  const own = held.find(({ backend }) => backend === primary)
  const other = held.find(({ backend, object }) => backend !== primary && !object.deleted)
  const base = { name, held: other !== undefined, backend: (other ?? own)?.backend.name ?? '', detail: '' }
  if (!other) {
    if (!own || own.object.deleted) return null
    return { ...base, kind: 'extra', detail: 'no fallback holds it' }
  }
  if (own?.object.deleted || (!own && isBuried(chain, step))) return { ...base, kind: 'tombstoned' }
  if (!own) return { ...base, kind: 'missing', detail: `${primary.name} does not hold it` }
  return { ...base, ...(await examineBoth(own, other, options)) }
}

type Compared = Pick<Finding, 'kind' | 'detail' | 'bySize' | 'oddTag'>

async function examineBoth(own: Held, other: Held, options: ExamineOptions): Promise<Compared> {
  const trustTags = options.trustTags(other.backend.name)
  const told = compare(own.object, other.object, { trustTags })
  if (told.kind === 'changed' || told.kind === 'different') return { kind: told.kind, detail: told.detail }
  if (told.kind === 'equal' && !options.deep) return { kind: 'equal', detail: '', bySize: told.by === 'size' }
  const bytes = await compareBytes(own, other)
  if (bytes === 'equal') return { kind: 'equal', detail: '', oddTag: told.kind === 'look' }
  return bytes
}

/** Reads both sides. What cannot be read is different, unless its backend is down: that is thrown. */
async function compareBytes(
  { backend: primary, object }: Held,
  { backend: source }: Held,
): Promise<'equal' | Compared> {
  const { name } = object
  const [own, other] = await Promise.all([digest(primary, name), digest(source, name)])
  for (const [side, backend] of [
    [own, primary],
    [other, source],
  ] as const) {
    if (!(side instanceof StorageError)) continue
    await throwIfDown(backend, side)
    return { kind: 'different', detail: `cannot be read from ${backend.name}: ${side.code}: ${side.message}` }
  }
  if (own === null) return { kind: 'missing', detail: `went away from ${primary.name} meanwhile` }
  if (other === null) return { kind: 'extra', detail: `went away from ${source.name} meanwhile` }
  return own === other ? 'equal' : { kind: 'different', detail: 'the bytes differ (SHA-256)' }
}

async function digest(backend: ListableBackend, name: string): Promise<string | null | StorageError> {
  try {
    const object = await backend.get(name)
    if (!object) return null
    const stream = new crypto.DigestStream('SHA-256')
    await object.body.pipeTo(stream).catch((error: unknown) => {
      throw failureOfBody(error, backend.name, name)
    })
    return object.deleted ? null : new Uint8Array(await stream.digest).toHex()
  } catch (error) {
    return toStorageError(error, backend.name, name)
  }
}

async function throwIfDown(backend: ListableBackend, failure: StorageError): Promise<void> {
  if (!['unavailable', 'timeout', 'skipped', 'denied'].includes(failure.code)) return
  if (failure.code === 'skipped') throw failure
  if (isListable(backend)) await backend.list({ limit: 1 })
}
