import { failureOfBody } from '../storage/errors.ts'

/** All bytes of a response's body, or `null` when there are more than `maxBytes`. */
export async function readAtMost(
  maxBytes: number,
  { body }: Response,
  backend: string,
): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body ?? []) {
      length += chunk.length
      if (length > maxBytes) return null
      chunks.push(chunk)
    }
  } catch (error) {
    throw failureOfBody(error, backend)
  }
  return new Blob(chunks).bytes()
}
