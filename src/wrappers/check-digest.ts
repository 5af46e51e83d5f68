import type { Backend } from '../storage/backend.ts'
import { type DigestCheck, startCheck } from '../bodies/digest.ts'
import type { ObjectInfo } from '../storage/object.ts'
import { openChunks, type Chunks } from '../bodies/chunks.ts'

const READ_BYTES = 64 * 1024

/** Checks whole bodies against their source's digest. The last bytes are held back until then, so that a wrong body fails. */
export function withCheckedDigests(backend: Backend): Backend {
  return {
    ...backend,
    async get(name, options = {}) {
      const object = await backend.get(name, options)
      if (!object?.digests || object.range || isKnown(object, options.ifNoneMatch)) return object
      const { body, digests, size } = object
      const joint = size === undefined ? new IdentityTransformStream() : new FixedLengthStream(size)
      const writer = joint.writable.getWriter()
      const chunks = openChunks(body, { atLeast: 1, atMost: READ_BYTES })
      // The reader of the other end sees every failure. If that reader is gone, the source is cancelled.
      pass(chunks, writer, startCheck(digests)).catch((error: unknown) =>
        Promise.allSettled([writer.abort(error), chunks.cancel(error)]),
      )
      return { ...object, body: joint.readable }
    },
  }
}

/** Then the body may be empty. */
function isKnown({ etag }: ObjectInfo, ifNoneMatch: string | undefined): boolean {
  return ifNoneMatch !== undefined && etag === ifNoneMatch
}

/** A reader that knows the length considers the object complete at its last byte, so the last chunk waits for the digest. */
async function pass(chunks: Chunks, writer: WritableStreamDefaultWriter, check: DigestCheck): Promise<void> {
  let held: Uint8Array = await chunks.next()
  while (held.length > 0) {
    await check.update(held)
    const next = await chunks.next()
    if (next.length === 0) await check.finish()
    await writer.write(held)
    held = next
  }
  await writer.close()
}
