import { expect } from 'vitest'
import type { Backend, PutCondition, WritableBackend } from '../../src/storage/backend.ts'
import { isListable, isWritable, type ListableBackend } from '../../src/storage/backend.ts'
import type { StoredObject } from '../../src/storage/object.ts'
import { type StartedUpload, startUpload } from '../kit/uploads.ts'
import type { Create, Traits } from './conformance.ts'

export const encoder = new TextEncoder()
export const DIGITS = encoder.encode('0123456789')
export const DIGITS_MD5 = '781e5e245d69b566979b86e28d23f2c7'
export const DIGITS_SHA256 = '84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882'

export async function writable(create: Create): Promise<WritableBackend> {
  const backend = await create()
  if (!isWritable(backend)) throw new Error(`${backend.name} has no put and delete`)
  return backend
}

export async function listable(create: Create): Promise<ListableBackend> {
  const backend = await create()
  if (!isListable(backend)) throw new Error(`${backend.name} has no list`)
  return backend
}

export async function multipart(create: Create): Promise<{
  backend: WritableBackend
  start: (name: string, onlyIf?: PutCondition) => Promise<StartedUpload>
}> {
  const backend = await writable(create)
  const start = (name: string, onlyIf?: PutCondition): Promise<StartedUpload> =>
    startUpload(backend, name, { info: { contentType: 'video/mp4' }, ...(onlyIf && { onlyIf }) })
  return { backend, start }
}

/** Stores bytes where the backend finds them. */
export async function seed(
  backend: Backend,
  traits: Traits,
  name: string,
  bytes: Uint8Array = DIGITS,
): Promise<void> {
  if (traits.seed) await traits.seed(name, new Uint8Array(bytes), { contentType: 'image/jpeg' })
  else await backend.put?.(name, bytes, { info: { contentType: 'image/jpeg' } })
}

export async function bytesOf(object: StoredObject | null): Promise<Uint8Array> {
  if (!object) throw new Error('expected an object and got a miss')
  return new Uint8Array(await new Response(object.body).arrayBuffer())
}

export async function textOf(object: StoredObject | null): Promise<string> {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(await bytesOf(object))
}

/** A stream that returns its chunks one by one, the later ones after a pause. */
export function chunked(...chunks: string[]): ReadableStream<Uint8Array> {
  let next = 0
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = chunks[next++]
      if (next > 1) await new Promise((resolve) => setTimeout(resolve, 20))
      if (chunk === undefined) controller.close()
      else controller.enqueue(encoder.encode(chunk))
    },
  })
}

export async function expectNothing(backend: Backend, name: string): Promise<void> {
  expect(await backend.head(name)).toBeNull()
}
