import { expect } from 'vitest'
import { attributesOfCopy } from '../../src/migration/copy-result.ts'
import { type MemoryBackend, memoryBackend } from '../kit/memory.ts'
import type { ListableBackend } from '../../src/storage/backend.ts'
import type { ObjectInfo } from '../../src/storage/object.ts'
import { bytesOf } from '../kit/fakes.ts'
import { fill, nameOf, withBackfill } from './jobs.ts'

export type Memory = ReturnType<typeof memoryBackend>

/** Both sides after a backfill of `count` objects of that time, before differences are planted. */
export async function migrated(count: number, modified?: Date): Promise<{ primary: Memory; legacy: Memory }> {
  const [primary, legacy] = [memoryBackend('primary'), memoryBackend('legacy')]
  await fill(legacy, count)
  if (modified)
    for (const [name, { bytes }] of legacy.objects) await legacy.put(name, bytes, { info: { modified } })
  await withBackfill([primary, legacy], {}, async ({ drive }) => {
    expect(await drive()).toMatchObject({ state: 'completed', copied: count })
  })
  return { primary, legacy }
}

/** Lists names, sizes and ETags only, as S3 does. */
export function terse(
  backend: Memory,
  etagOf: (info: ObjectInfo) => string | undefined = () => undefined,
): ListableBackend {
  return {
    ...backend,
    async list(options) {
      const page = await backend.list(options)
      const objects = page.objects.map((info) => {
        const { name, size, modified, deleted, lifted, provenance } = info
        const etag = etagOf(info)
        return {
          name,
          backend: backend.name,
          ...(size !== undefined && { size }),
          ...(modified && { modified }),
          ...(deleted && { deleted }),
          ...(lifted && { lifted }),
          ...(deleted && provenance && { provenance }),
          ...(etag !== undefined && { etag }),
        }
      })
      return { ...page, objects }
    },
  }
}

export async function replace(
  backend: Memory,
  name: string,
  text: string,
  keep: Partial<ObjectInfo> = {},
): Promise<void> {
  await backend.put(name, bytesOf(text), { info: keep })
}

export type Mirror = MemoryBackend & { mirror: 'all' | 'keep-deleted' }

export function mirrorOf(name: string, mirror: Mirror['mirror'] = 'all'): Mirror {
  return { ...memoryBackend(name), mirror }
}

/** A primary with so many objects, and a mirror that has all of them. */
export async function mirroredSides(count: number, mirror = mirrorOf('legacy')) {
  const primary = memoryBackend('primary')
  for (let index = 0; index < count; index++) {
    const metadata = { index: `${index}` }
    await primary.put(nameOf(index), bytesOf(`bytes ${index}`), {
      info: { contentType: 'text/plain', metadata },
    })
    await mirrorOne(primary, mirror, nameOf(index))
  }
  return { primary, mirror }
}

export async function mirrorOne(primary: MemoryBackend, mirror: MemoryBackend, name: string): Promise<void> {
  const object = primary.objects.get(name)
  if (object) await mirror.put(name, object.bytes, { info: attributesOfCopy(object.info) })
}

export const TOMBSTONE = { info: { deleted: new Date() } }

/** The first six names of `mirroredSides`: missing, other bytes, another size, deleted, newer, and another type. */
export async function plantDifferences({
  primary,
  mirror,
}: Awaited<ReturnType<typeof mirroredSides>>): Promise<void> {
  const info = (index: number) => mirror.objects.get(nameOf(index))?.info
  await mirror.delete(nameOf(0))
  await replace(mirror, nameOf(1), 'other 1')
  await replace(mirror, nameOf(2), 'longer bytes', info(2))
  await primary.put(nameOf(3), new Uint8Array(0), TOMBSTONE)
  await replace(primary, nameOf(4), 'newer 4', { contentType: 'text/plain' })
  await replace(mirror, nameOf(5), 'bytes 5', { ...info(5), contentType: 'image/png' })
}
