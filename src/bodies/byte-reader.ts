/** A reader that takes large buffers; `undefined` for streams that JavaScript made, which bring their own chunks. */
export function byteReader(body: ReadableStream<Uint8Array>): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: 'byob' })
  } catch (error) {
    if (error instanceof TypeError && !body.locked) return undefined
    throw error
  }
}
