import { StorageError } from '../../src/storage/errors.ts'

export const THOUSAND = Uint8Array.from({ length: 1000 }, (_, index) => index % 251)

export async function failure(promise: Promise<unknown>): Promise<StorageError> {
  const error: unknown = await promise.then(
    (value) => value,
    (reason: unknown) => reason,
  )
  if (error instanceof StorageError) return error
  throw new Error(`expected a StorageError, got ${String(error)}`)
}

export async function bodyOf(object: { body: ReadableStream<Uint8Array> } | null): Promise<Uint8Array> {
  return new Uint8Array(await new Response(object?.body).arrayBuffer())
}

export function streamOf(content: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array> {
  return new Response(content).body as ReadableStream<Uint8Array>
}

export function chunksOf(total: number, chunk: number): ReadableStream<Uint8Array> {
  let sent = 0
  return new ReadableStream<Uint8Array>({
    pull(controller) {
      if (sent >= total) return controller.close()
      const length = Math.min(chunk, total - sent)
      controller.enqueue(new Uint8Array(length))
      sent += length
    },
  })
}

export function gzip(content: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = streamOf(content).pipeThrough(new CompressionStream('gzip'))
  return new Response(stream).arrayBuffer().then((buffer) => new Uint8Array(buffer))
}
