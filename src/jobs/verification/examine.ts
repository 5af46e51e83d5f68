import { isListable, type ListableBackend } from '../../storage/backend.ts'
import { failureOfBody, StorageError, toStorageError } from '../../storage/errors.ts'
import type { Chain } from '../../chain/fallback.ts'
import { lists } from '../backfill/copy-listed.ts'
import { copyTarget } from '../../chain/placement.ts'
import { isTombstoned } from '../backfill/classify.ts'
import type { Held, Step } from '../walk.ts'
import { whyInvalid } from '../../storage/name.ts'
import { compare, type DifferenceKind } from './compare.ts'
import type { LeftOutReason } from './left-out.ts'

/** What one name turned out to be. */
export interface Finding {
  name: string
  kind: Exclude<DifferenceKind, 'equal_by_size'> | 'equal' | 'tombstoned'
  /** Whether only the sizes could be compared. */
  bySize?: boolean
  /** Whether a fallback holds it. */
  held: boolean
  backend: string
  detail: string
  /** The source's ETag looked like the MD5 of other bytes, and the bytes are the same. */
  oddTag?: boolean
  /** Why it was left out. */
  reason?: LeftOutReason
  /** Tells these two versions from others, after their bytes were found to be the same. */
  sameBytes?: string
}

export interface ExamineOptions {
  chain: Chain
  primary: ListableBackend
  deep: boolean
  /** Whether that backend's ETags may be taken for MD5 digests. */
  trustTags: (backend: string) => boolean
  /** Whether an earlier pass has found the bytes of these two versions to be the same. */
  wasRead: (versions: string) => boolean
  /** Why a backfill could not copy the name; `undefined` where none failed at it. */
  failureOf: (name: string) => FailedName | undefined
}

/** A name that a backfill ended without copying. */
export interface FailedName {
  name: string
  reason: LeftOutReason
  detail: string
}

/** Compares what both sides hold of a name; `null` where neither holds an object. */
export async function examine(step: Step, options: ExamineOptions): Promise<Finding | null> {
  const { name, held } = step
  const { primary, chain } = options
  const isPrimary = ({ backend, object }: Held): boolean => backend === primary && !object.lifted
  const live = held.filter(({ backend, object }) => backend !== primary && !object.deleted)
  const stored = held.find(isPrimary)
  // As reads see it: a backend is not asked for what its filter leaves out, not even for a tombstone.
  const served = held.filter(isServed)
  const other = live.find(isServed) ?? live[0]
  const base = { name, held: other !== undefined, backend: (other ?? stored)?.backend.name ?? '', detail: '' }
  if (!other) {
    if (!stored || stored.object.deleted) return null
    return { ...base, kind: 'extra', detail: 'no fallback holds it' }
  }
  const own = served.find(isPrimary)
  const wrong = other.object.invalid ?? whyInvalid(name)
  if (wrong !== undefined) return { ...base, ...leftOut('invalid_name', wrong) }
  if (own?.object.deleted || (!own && isTombstoned(chain, { name, held: served })))
    return { ...base, kind: 'tombstoned' }
  if (own) return { ...base, ...(await examineBoth(own, other, options)) }
  if (!isServed(other)) return { ...base, ...leftOut('excluded', filtered(other)) }
  if (primary.accepts?.(name) === false)
    return { ...base, ...leftOut('not_accepted', `${primary.name} does not take that name`) }
  if (copyTarget(chain, other.backend, { name, size: other.object.size }) === 'too-large')
    return { ...base, ...leftOut('too_large', `no writable backend takes its ${other.object.size} bytes`) }
  const failed = options.failureOf(name)
  if (failed) return { ...base, ...leftOut(failed.reason, failed.detail) }
  return { ...base, kind: 'missing', detail: `${primary.name} does not hold it` }
}

type Compared = Pick<Finding, 'kind' | 'detail' | 'bySize' | 'oddTag' | 'reason' | 'sameBytes'>

function leftOut(reason: LeftOutReason, why: string): Compared {
  return { kind: 'left_out', reason, detail: `${reason}: ${why}` }
}

function filtered({ backend }: Held): string {
  return `the include or exclude of ${backend.name} leaves it out`
}

function isServed({ backend, object }: Held): boolean {
  return backend.accepts?.(object.name) !== false
}

async function examineBoth(own: Held, other: Held, options: ExamineOptions): Promise<Compared> {
  const trustTags = options.trustTags(other.backend.name)
  const found = compare(own.object, other.object, { trustTags })
  if (found.kind === 'changed' || found.kind === 'different')
    return { kind: found.kind, detail: found.detail }
  const canRead = isServed(other)
  const bySize = found.kind === 'equal' && found.by === 'size'
  if (found.kind === 'equal' && !(options.deep && (canRead || bySize)))
    return { kind: 'equal', detail: '', bySize }
  if (!canRead) return leftOut('excluded', `${filtered(other)}, so its bytes cannot be compared`)
  const versions = versionsOf(own, other)
  if (versions !== undefined && options.wasRead(versions)) return { kind: 'equal', detail: '' }
  const bytes = await compareBytes(own, other)
  if (bytes !== 'equal') return bytes
  return {
    kind: 'equal',
    detail: '',
    oddTag: found.kind === 'look',
    ...(versions !== undefined && { sameBytes: versions }),
  }
}

/** `undefined` where a side tells nothing that changes with its bytes. */
function versionsOf(own: Held, other: Held): string | undefined {
  const versions = [own, other].map(({ backend, object: { name, etag, modified, version, size } }) => {
    const told = [etag, modified?.getTime(), version]
    return told.every((part) => part === undefined) ? undefined : [backend.name, name, size, ...told]
  })
  return versions.includes(undefined) ? undefined : JSON.stringify(versions)
}

/** Reads both sides. What cannot be read has failed, unless its backend is down: that is thrown. */
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
    return leftOut('failed', `cannot be read from ${backend.name}: ${side.code}: ${side.message}`)
  }
  if (own === null) return { kind: 'missing', detail: `went away from ${primary.name} meanwhile` }
  if (other === null && (await lists(source, name)))
    return leftOut('failed', `${source.name} lists it, and answers that it is not there: may it be read?`)
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
