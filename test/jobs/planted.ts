import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import { withFilter } from '../../src/wrappers/filter.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { StorageError } from '../../src/storage/errors.ts'
import { bytesOf } from '../kit/fakes.ts'

type Random = () => number

/** The digest that is recorded of some copies, since it can be computed without waiting. */
export function crc32(bytes: Uint8Array): string {
  let crc = -1
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return (~crc >>> 0).toString(16).padStart(8, '0')
}

/** A backend and how it is disturbed; `store` has its actual objects. */
export interface Side {
  store: MemoryBackend
  /** The directory that its filter excludes. */
  excludes: string | undefined
  lists: boolean
  /** Its listing has only names, times and sizes. */
  terse: boolean
  unreadable: Set<string>
  late: { call: number; name: string } | undefined
}

export const INVALID = ['-/api', 'dir/../x', 'bell\u0007', '']
const DIRECTORIES = ['a/', 'b/', 'c/']

function put(side: Side, name: string, text: string, modified: Date): void {
  side.store.objects.set(name, {
    bytes: bytesOf(text),
    info: {
      name,
      backend: side.store.name,
      size: text.length,
      modified,
      // Distinguishes the versions and is not a digest of the bytes.
      etag: `"${side.store.name}-${text}-${modified.getTime()}"`,
    },
  })
}

const OLD = new Date('2020-01-01T00:00:00Z')
const NEWER = new Date('2021-01-01T00:00:00Z')

export function sideOf(random: Random, name: string): Side {
  const chance = (part: number): boolean => random() < part
  return {
    store: memoryBackend(name, { pageSize: 2 }),
    excludes: chance(0.25) ? DIRECTORIES[Math.floor(random() * 3)] : undefined,
    lists: name === 'b0' || !chance(0.08),
    terse: chance(0.3),
    unreadable: new Set(),
    late: name === 'b0' || chance(0.7) ? undefined : { call: chance(0.5) ? 1 : 2, name: 'a/0-late' },
  }
}

/** Puts objects into the fallbacks, and into the primary what a migration with all kinds of accidents could have copied. */
export function plant(random: Random, primary: Side, fallbacks: readonly Side[]): void {
  const chance = (part: number): boolean => random() < part
  const trouble = chance(0.6) ? 0.12 : 0
  const count = Math.floor(random() * 9)
  for (let index = 0; index < count; index++) {
    const directory = DIRECTORIES[Math.floor(random() * 3)] ?? ''
    const isInvalid = chance(trouble / 2)
    const name = isInvalid ? (INVALID[Math.floor(random() * INVALID.length)] ?? '') : `${directory}${index}`
    const text = chance(0.1) ? '' : `bytes ${index}`
    const sources = fallbacks.filter(() => chance(0.6))
    for (const side of sources) put(side, name, text, OLD)
    const [source] = sources
    // Copies are made of what reads are served from, so most of them respect the filters.
    const isCopied = source && (accepts(source, name) || chance(0.5)) && accepts(primary, name)
    if (isCopied && !isInvalid && !chance(trouble)) {
      copy(primary, source, name, chance(0.5))
      if (chance(0.5)) recordDigest(primary, name)
    }
    if (chance(trouble) && source) {
      const isCopy = primary.store.objects.get(name)?.info.provenance !== undefined
      put(source, name, text.replace('bytes', 'other'), isCopy ? NEWER : OLD)
    }
    if (chance(trouble)) {
      const info = { name, backend: 'b0', size: 0, deleted: NEWER }
      primary.store.objects.set(name, { bytes: new Uint8Array(0), info })
    }
    for (const side of [primary, ...fallbacks]) if (chance(trouble / 3)) side.unreadable.add(name)
    if (chance(trouble)) damage(primary, name)
  }
}

/** Flips the bytes of a copy, while all that was recorded with them stays. */
function damage(primary: Side, name: string): void {
  const object = primary.store.objects.get(name)
  if (!object?.info.digests) return
  const bytes = object.bytes.map((byte) => byte ^ 1)
  primary.store.objects.set(name, { ...object, bytes })
}

function copy(primary: Side, source: Side, name: string, hasProvenance: boolean): void {
  const original = source.store.objects.get(name)
  if (!original) return
  const { etag, modified } = original.info
  const provenance = { backend: source.store.name, copied: NEWER, ...(modified && { modified }) }
  primary.store.objects.set(name, {
    bytes: original.bytes,
    info: {
      name,
      backend: 'b0',
      size: original.bytes.length,
      ...(hasProvenance && { provenance: { ...provenance, ...(etag !== undefined && { etag }) } }),
      etag: `"of-the-copy-${name}"`,
    },
  })
}

/** As backends do that compute a digest of what they store. */
function recordDigest(primary: Side, name: string): void {
  const object = primary.store.objects.get(name)
  if (object) object.info = { ...object.info, digests: { crc32: crc32(object.bytes) } }
}

/** The backend as part of the chain. */
export function backendOf(side: Side): Backend {
  const { store, excludes, late, terse, unreadable } = side
  let calls = 0
  // Always in the first pass: objects added after the last pass has begun are not in the certificate.
  const lateCall = store.objects.size > 2 ? late?.call : 1
  const backend: Backend = {
    ...store,
    async get(name, options) {
      if (unreadable.has(name)) throw new StorageError('corrupt', 'the body broke', { backend: store.name })
      return store.get(name, options)
    },
    async list(options) {
      const page = await store.list(options)
      if (++calls === lateCall && late) put(side, late.name, 'late', OLD)
      if (!terse) return page
      const objects = page.objects.map(({ name, backend: holder, size, modified, deleted }) => ({
        name,
        backend: holder,
        ...(size !== undefined && { size }),
        ...(modified && { modified }),
        ...(deleted && { deleted }),
      }))
      return { ...page, objects }
    },
  }
  const { list: _, ...mute } = backend
  const listed = side.lists ? backend : mute
  return excludes === undefined ? listed : withFilter(listed, { exclude: new RegExp(`^${excludes}`) })
}

export function accepts({ excludes }: Side, name: string): boolean {
  return excludes === undefined || !name.startsWith(excludes)
}
