import type { Backend } from '../storage/backend.ts'
import { type DigestCheck, startCheck } from '../bodies/digest.ts'
import { isKnown } from '../storage/same-object.ts'
import { type Chunks, openChunks, streamOfChunks } from '../bodies/chunks.ts'

const READ_BYTES = 64 * 1024

/** Checks whole bodies against their source's digest. The last bytes are held back until then, so that a wrong body fails. */
export function withCheckedDigests(backend: Backend): Backend {
  return {
    ...backend,
    async get(name, options = {}) {
      const object = await backend.get(name, options)
      if (!object?.digests || object.range || isKnown(object, options)) return object
      const { body, digests, size } = object
      const chunks = openChunks(body, { atLeast: 1, atMost: READ_BYTES })
      return { ...object, body: streamOfChunks(checkedChunks(chunks, startCheck(digests)), size) }
    },
  }
}

/**
 * A reader that knows the length considers the object complete at its last byte, so the last chunk waits for the digest. Since
 * the next chunk is read ahead, the bytes are only valid until the next call.
 */
function checkedChunks(chunks: Chunks, check: DigestCheck): Chunks {
  let held: Uint8Array | undefined
  return {
    async next() {
      const chunk = held ?? (await chunks.next())
      if (chunk.length === 0) return chunk
      await check.update(chunk)
      held = await chunks.next()
      if (held.length === 0) await check.finish()
      return chunk
    },
    cancel: (reason) => chunks.cancel(reason),
  }
}
