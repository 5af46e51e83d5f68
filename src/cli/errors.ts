import { CommanderError } from 'commander'
import { ApiError, InvalidRequestError } from '../client/client.ts'

/** Exit codes, as documented in docs/cli.md. */
export const EXIT = {
  ok: 0,
  /** A backend, the network or the Worker failed. */
  failed: 1,
  /** The command itself is wrong. */
  usage: 2,
  /** It worked, and the answer is no: not found, not safe to detach, finished with failures. */
  no: 3,
  /** The token is missing or refused. */
  refused: 4,
  interrupted: 130,
} as const

/** Ends the command with this exit code. Nothing is printed for an empty message. */
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

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

interface DescribedError {
  code: number
  /** For people; empty if there is nothing left to say. */
  lines: string[]
  /** For programs: the problem document, or at least a title. */
  document: object
}

const CLOSED = 'the connection was closed'
const NO_ANSWER = 'no answer in time'
const UNREACHABLE: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name server does not answer',
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  UND_ERR_SOCKET: CLOSED,
  ETIMEDOUT: NO_ANSWER,
  UND_ERR_CONNECT_TIMEOUT: NO_ANSWER,
  UND_ERR_HEADERS_TIMEOUT: NO_ANSWER,
}

/** What to print for an error that ends a command, and its exit code. */
export function describeError(error: unknown): DescribedError {
  if (error instanceof CommandError) return simple(error.code, error.message)
  if (error instanceof CommanderError) return describeUsage(error)
  if (error instanceof ApiError) return describeProblem(error)
  if (error instanceof InvalidRequestError) return simple(EXIT.usage, error.message)
  const network = networkReason(error)
  if (network === undefined) return simple(EXIT.failed, messageOf(error))
  return simple(EXIT.failed, `the Worker cannot be reached: ${network}`, [
    'Check --url or FALLBACK_STORAGE_URL. `fallback-storage doctor` can tell you more.',
  ])
}

/** Whether the Worker refuses the token, or wants one. */
export function isRefusal(error: unknown): error is ApiError {
  return error instanceof ApiError && error.isFromWorker && [401, 403].includes(error.status)
}

/** Why the network failed, or undefined for any other error. */
export function networkReason(error: unknown): string | undefined {
  const known = errorCodes(error).find((code) => code in UNREACHABLE)
  if (known !== undefined) return UNREACHABLE[known]
  // How fetch reports a failed request, and a body that was cut off.
  if (!(error instanceof TypeError && /^(?:fetch failed|terminated)$/.test(error.message))) return undefined
  return error.cause instanceof Error ? error.cause.message : 'no answer came'
}

/** If a host has several addresses, their errors arrive together in an AggregateError. */
function errorCodes(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const code = 'code' in error && typeof error.code === 'string' ? [error.code] : []
  const within = error instanceof AggregateError ? error.errors.flatMap(errorCodes) : []
  return [...code, ...within, ...errorCodes(error.cause)]
}

/** --help and --version arrive here too; they are not errors. */
function describeUsage({ code, exitCode, message }: CommanderError): DescribedError {
  if (exitCode === 0) return simple(EXIT.ok, '')
  if (code === 'commander.help') return simple(EXIT.usage, 'no command given, or none of that name')
  const [problem = '', ...similar] = message.replace(/^error: /, '').split(/\n(?=\(Did you mean )/)
  return simple(EXIT.usage, problem, [...similar, 'Add --help to see how the command is used.'])
}

function simple(code: number, message: string, hints: string[] = []): DescribedError {
  return { code, lines: message === '' ? [] : [message, ...hints], document: { title: message } }
}

function describeProblem({ problem, isFromWorker }: ApiError): DescribedError {
  const { status, title, detail, backends = [] } = problem
  // Some details are lists.
  const [first = '', ...more] = detail.trimEnd().split('\n')
  const lines = [
    `${title}: ${first}`,
    ...more.map((line) => `  ${line}`),
    ...backends.map((backend) => `  ${backend.name}: ${backend.error}: ${backend.detail}`),
  ]
  if (isFromWorker && status === 401)
    lines.push('The token is read from FALLBACK_STORAGE_TOKEN or --token-file.')
  return { code: (isFromWorker && CODES[status]) || EXIT.failed, lines, document: problem }
}

/** Of answers from the Worker; any other status is a failure. */
const CODES: Record<number, number> = {
  400: EXIT.usage,
  401: EXIT.refused,
  403: EXIT.refused,
  404: EXIT.no,
  409: EXIT.no,
  412: EXIT.no,
}

/** Whether there is nothing at a path. */
export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT'
}

/** For `catch`, where it is no failure that there is nothing at a path. */
export function ifMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error
}
