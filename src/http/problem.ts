import type { StorageError } from '../storage/errors.ts'
import { unsatisfiedRange } from './range.ts'

/** An error as RFC 9457 defines it. */
export interface Problem {
  status: number
  title: string
  detail: string
  /** Anchor on the page of errors; `about:blank` is the type of a problem without one. */
  code?: string
  /** e.g. Allow, WWW-Authenticate. */
  headers?: Record<string, string>
  backends?: readonly BackendProblem[]
}

/** What one backend failed with. */
export interface BackendProblem {
  name: string
  error: string
  detail: string
}

export interface ProblemOptions {
  /** Where the media root is, e.g. `/media/`; the page of errors is below it. Default `/`. */
  base?: string
  headers?: Record<string, string>
}

const STATUSES = {
  absent: [404, 'There is no such object'],
  invalid: [400, 'The request cannot be understood'],
  corrupt: [400, 'The bytes are not the ones that were announced'],
  precondition: [412, 'A condition does not hold'],
  'too-large': [413, 'The object is too large'],
  unsatisfiable: [416, 'The range begins past the end'],
  unsupported: [501, 'No backend implements this'],
  timeout: [504, 'No backend answered in time'],
  unavailable: [502, 'A backend failed'],
  denied: [502, 'A backend refused access'],
  'too-many-writes': [429, 'The backend takes no more writes of this name just now'],
  interrupted: [400, 'The body broke off'],
  internal: [500, 'Internal Server Error'],
  skipped: [502, 'A backend is left out because it failed lately'],
  overloaded: [503, 'The Worker has no memory left for this now'],
  loop: [508, 'A backend leads back to this Worker'],
} as const satisfies Record<StorageError['code'], readonly [number, string]>

/** Every backend proved that it does not have the name. */
export const ABSENT: Problem = {
  status: STATUSES.absent[0],
  title: STATUSES.absent[1],
  detail: 'no backend has an object of this name',
  code: 'absent',
}

/** The HTTP status of the error. */
export function statusOf(error: StorageError): number {
  return STATUSES[codeOf(error)][0]
}

/** A problem document; the only place where errors become responses. */
export function problemResponse(error: StorageError | Problem, options: ProblemOptions = {}): Response {
  const problem = error instanceof Error ? describe(error) : error
  const { status, title, detail, code, backends } = problem
  const type = code === undefined ? 'about:blank' : `${options.base ?? '/'}-/docs/errors#${code}`
  const document = { type, title, status, detail, ...(backends && backends.length > 0 && { backends }) }
  const headers = {
    ...options.headers,
    ...problem.headers,
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  }
  return new Response(JSON.stringify(document), { status, headers })
}

function describe(error: StorageError): Problem {
  const code = codeOf(error)
  const [status, title] = STATUSES[code]
  const headers = {
    ...(code === 'unsatisfiable' && { 'Content-Range': unsatisfiedRange(error.size) }),
    ...retryAfter(error),
  }
  return { status, title, detail: error.message, code, headers, backends: backendsOf(error) }
}

/** An error of the whole chain is a timeout only if all that failed timed out. A loop comes first: only a change of the configuration helps. */
function codeOf(error: StorageError): StorageError['code'] {
  if (error.failures.length === 0) return error.code
  if (error.failures.some((failure) => failure.code === 'loop')) return 'loop'
  return error.failures.every((failure) => failure.code === 'timeout') ? 'timeout' : 'unavailable'
}

function backendsOf(error: StorageError): BackendProblem[] {
  const failures = error.failures.length > 0 ? error.failures : [error]
  return failures.flatMap(({ backend, code, message }) =>
    backend === undefined ? [] : [{ name: backend, error: code, detail: message }],
  )
}

/** The shortest wait that any of them requests. */
function retryAfter(error: StorageError): { 'Retry-After'?: string } {
  const waits = [error, ...error.failures].flatMap(({ retryAfter: wait }) =>
    wait === undefined ? [] : [wait],
  )
  return waits.length === 0 ? {} : { 'Retry-After': `${Math.ceil(Math.min(...waits) / 1000)}` }
}
