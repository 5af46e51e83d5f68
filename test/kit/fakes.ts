import { memoryBackend } from './memory.ts'
import type { Backend } from '../../src/storage/backend.ts'
import { type ErrorCode, StorageError } from '../../src/storage/errors.ts'
import type { StoredObject } from '../../src/storage/object.ts'

/** Every header and the user metadata that an object can have. */
export const REPRESENTATION = {
  contentType: 'text/markdown',
  contentLanguage: 'de',
  contentDisposition: 'attachment',
  contentEncoding: 'zstd',
  cacheControl: 'no-cache',
  expires: new Date('2030-01-01T00:00:00Z'),
  metadata: { photographer: 'Ada' },
}

/** A backend whose every operation fails with `code`. */
export function failing(name: string, code: ErrorCode, options: { writable?: boolean } = {}): Backend {
  const fail = async (): Promise<never> => {
    throw new StorageError(code, `${name} fails on purpose`, { backend: name })
  }
  const reads = { name, type: 'memory', get: fail, head: fail, list: fail } as const
  return options.writable ? { ...reads, put: fail, delete: fail } : reads
}

/** A backend in memory that counts its operations by method. */
export function counting(
  name: string,
): ReturnType<typeof memoryBackend> & { counts: Record<string, number> } {
  const backend = memoryBackend(name)
  const counts: Record<string, number> = { get: 0, head: 0, put: 0, list: 0 }
  const count = (method: string): void => void (counts[method] = (counts[method] ?? 0) + 1)
  return {
    ...backend,
    counts,
    get: (...args) => (count('get'), backend.get(...args)),
    head: (...args) => (count('head'), backend.head(...args)),
    put: (...args) => (count('put'), backend.put(...args)),
    list: (...args) => (count('list'), backend.list(...args)),
  }
}

export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(new TextEncoder().encode(text))
}

export async function textOf(object: StoredObject | null): Promise<string | null> {
  return object && new Response(object.body).text()
}

/** A body that arrives in `chunks`, one for each call of `next`; `fail` makes it fail. */
export function steppedBody(): {
  body: ReadableStream<Uint8Array>
  next: (text: string) => void
  end: () => void
  fail: () => void
} {
  let controller!: ReadableStreamDefaultController<Uint8Array>
  const body = new ReadableStream<Uint8Array>({ start: (given) => void (controller = given) })
  return {
    body,
    next: (text) => controller.enqueue(bytesOf(text)),
    end: () => controller.close(),
    fail: () => controller.error(new Error('connection lost')),
  }
}
