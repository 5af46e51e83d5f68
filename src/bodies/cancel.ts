/** Lets go of a body that nobody will read. One that broke, or is being read, has nothing left to cancel. */
export async function cancelBody(
  body: ReadableStream<Uint8Array> | Uint8Array | null | undefined,
  reason?: unknown,
): Promise<void> {
  if (!body || body instanceof Uint8Array || body.locked) return
  await Promise.allSettled([body.cancel(reason)])
}

/** Throws, and lets go of the body. */
export async function refuseBody(
  body: ReadableStream<Uint8Array> | Uint8Array | null | undefined,
  reason: unknown,
): Promise<never> {
  await cancelBody(body, reason)
  throw reason
}

/** Lets go of a body that is being read. */
export async function cancelReader(
  reader: Pick<ReadableStreamDefaultReader, 'cancel'>,
  reason?: unknown,
): Promise<void> {
  await Promise.allSettled([reader.cancel(reason)])
}
