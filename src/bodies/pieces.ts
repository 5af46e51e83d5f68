import { byteReader } from './byte-reader.ts'

/** A body in pieces. Whoever opens it reads to the end or cancels. */
export interface Pieces {
  /** Empty at the end. The bytes are valid until the call after the next one. */
  next(): Promise<Uint8Array>
  cancel(reason: unknown): Promise<void>
}

export interface PieceSize {
  atLeast: number
  atMost: number
}

/** Reads the runtime's own streams in pieces of that size, other streams chunk by chunk as they come. */
export function openPieces(body: ReadableStream<Uint8Array>, { atLeast, atMost }: PieceSize): Pieces {
  const bytes = byteReader(body)
  if (bytes) {
    // Used again and again: new ones each time would be garbage as large as the body, which the isolate has to hold.
    let buffer = new ArrayBuffer(atMost)
    let other: ArrayBuffer | undefined
    return {
      async next() {
        const { value } = await bytes.readAtLeast(atLeast, new Uint8Array(buffer))
        buffer = other ?? new ArrayBuffer(atMost)
        other = value?.buffer
        return value ?? new Uint8Array()
      },
      cancel: (reason) => bytes.cancel(reason),
    }
  }
  const reader = body.getReader()
  const next = async (): Promise<Uint8Array> => {
    const { done, value } = await reader.read()
    if (done) return new Uint8Array()
    return value.length > 0 ? value : next()
  }
  return { next, cancel: (reason) => reader.cancel(reason) }
}
