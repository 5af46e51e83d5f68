/** Lets go of a body that nobody will read. One that broke, or is being read, has nothing left to cancel. */
export async function cancelBody(
  body: ReadableStream<Uint8Array> | Uint8Array,
  reason?: unknown,
): Promise<void> {
  if (body instanceof Uint8Array || body.locked) return
  await Promise.allSettled([body.cancel(reason)])
}
