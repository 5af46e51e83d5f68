/** What the command's exit code says; docs/cli.md promises it. */
export const EXIT = {
  ok: 0,
  /** A backend, the network or the Worker failed. */
  failed: 1,
  /** The command itself is wrong. */
  usage: 2,
  /** It worked, and the answer is no: not there, not safe, ended with failures. */
  no: 3,
  /** The token is missing or refused. */
  refused: 4,
  interrupted: 130,
} as const

/** Ends the command with that code; an empty message says nothing more. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: number

  constructor(code: number, message = '') {
    super(message)
    this.code = code
  }
}

export function usageError(message: string): CommandError {
  return new CommandError(EXIT.usage, message)
}
