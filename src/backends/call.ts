/** What a call of a binding failed with, in `cause`: what our own code throws around a call looks the same. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure'

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** The result of a call of a binding; its failures are marked as such. */
export async function marked<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    throw new CallFailure(error)
  }
}
