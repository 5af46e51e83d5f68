/** Cancels a body that will not be read. One that has failed, or is being read, has nothing left to cancel. */
export async function cancelBody(
  body: ReadableStream<Uint8Array> | Uint8Array | null | undefined,
  reason?: unknown,
): Promise<void> {
  if (!body || body instanceof Uint8Array || body.locked) return
  await body.cancel(reason).catch(() => {})
}

/** Cancels the body and throws. */
export async function refuseBody(
  body: ReadableStream<Uint8Array> | Uint8Array | null | undefined,
  reason: unknown,
): Promise<never> {
  await cancelBody(body, reason)
  throw reason
}

/** Cancels a body that is being read. */
export async function cancelReader(
  reader: Pick<ReadableStreamDefaultReader, 'cancel'>,
  reason?: unknown,
): Promise<void> {
  await reader.cancel(reason).catch(() => {})
}
