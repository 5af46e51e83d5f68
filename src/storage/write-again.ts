/** R2 and KV accept one write per second for a name, and clients change metadata right after an upload. The pause is a little longer, and random, so that two writers do not collide again. */
const PAUSE_MS = 1100
const SPREAD_MS = 400
const ATTEMPTS = 3

/** Repeats a write that came too soon after another one of its name. A stream cannot be sent again. */
export async function writeAgain<Result>(
  write: () => Promise<Result>,
  isTooSoon: (error: unknown) => boolean,
  signal?: AbortSignal,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await write()
    } catch (error) {
      if (attempt === ATTEMPTS || !isTooSoon(error)) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS + Math.random() * SPREAD_MS))
    signal?.throwIfAborted()
  }
}
