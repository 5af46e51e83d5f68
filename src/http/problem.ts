import { codeOfAll, retryAfterOf, StorageError } from '../storage/errors.ts'
import { unsatisfiedRange } from './range.ts'

/** An error as RFC 9457 defines it. */
export interface Problem {
  status: number
  title: string
  detail: string
  /** Anchor on the page of errors. Without it, the type is `about:blank`. */
  code?: string
  /** e.g. Allow, WWW-Authenticate. */
  headers?: Record<string, string>
  /** The backends that failed, and why. */
  backends?: readonly { name: string; error: string; detail: string }[]
}

const STATUSES = {
  absent: [404, 'Object not found'],
  invalid: [400, 'Invalid request'],
  corrupt: [400, 'The body does not match its length or digest'],
  precondition: [412, 'Precondition failed'],
  'too-large': [413, 'The object is too large'],
  unsatisfiable: [416, 'Range not satisfiable'],
  unsupported: [501, 'No backend supports this'],
  timeout: [504, 'No backend answered in time'],
  unavailable: [502, 'A backend failed'],
  denied: [502, 'A backend refused access'],
  locked: [409, 'A lock of the bucket forbids it'],
  'too-many-writes': [429, 'Too many writes of this name'],
  interrupted: [400, 'The body was interrupted'],
  internal: [500, 'Internal Server Error'],
  skipped: [502, 'A backend was skipped because it failed recently'],
  overloaded: [503, 'The Worker has no memory left at the moment'],
  loop: [508, 'A backend leads back to this Worker'],
} as const satisfies Record<StorageError['code'], readonly [number, string]>

const MAX_DETAIL = 2000

/** Every backend proved that it does not have the name. */
export const ABSENT = describe(new StorageError('absent', 'no backend has an object of this name'))

/** The HTTP status of the error. */
export function statusOf(error: StorageError): number {
  return STATUSES[codeOf(error)][0]
}

/**
 * A problem document; the only place where errors become responses. `base` is the media root, e.g. `/media/`, below
 * which the page of errors is.
 */
export function problemResponse(
  error: StorageError | Problem,
  { base = '/' }: { base?: string } = {},
): Response {
  const { status, title, detail, code, headers, backends } =
    error instanceof StorageError ? describe(error) : error
  const type = code === undefined ? 'about:blank' : `${base}-/docs/errors#${code}`
  // What is wrong with the configuration is listed in full.
  const shown = status === 500 ? detail : shorten(detail)
  const document = { type, title, status, detail: shown, ...(backends?.length && { backends }) }
  const response = new Response(JSON.stringify(document), { status })
  const all = {
    ...headers,
    'Content-Type': 'application/problem+json',
    'Cache-Control': 'no-store',
    // Navigations get it as a page.
    Vary: 'Accept, Sec-Fetch-Mode',
    'X-Content-Type-Options': 'nosniff',
  }
  // The runtime takes twice as long to convert an object or copy other headers.
  for (const [name, value] of Object.entries(all)) response.headers.set(name, value)
  return response
}

/** A detail may quote what the request contained. */
function shorten(detail: string): string {
  return detail.length > MAX_DETAIL ? `${detail.slice(0, MAX_DETAIL).toWellFormed()}…` : detail
}

function describe(error: StorageError): Problem {
  const code = codeOf(error)
  const [status, title] = STATUSES[code]
  const failures = error.failures.length > 0 ? error.failures : [error]
  const retryAfter = retryAfterOf(error)
  return {
    status,
    title,
    detail: error.message,
    code,
    headers: {
      ...(code === 'unsatisfiable' && { 'Content-Range': unsatisfiedRange(error.size) }),
      ...(retryAfter !== undefined && { 'Retry-After': retryAfter }),
    },
    backends: failures.flatMap(({ backend, code: failed, message }) =>
      backend === undefined ? [] : { name: backend, error: failed, detail: message },
    ),
  }
}

function codeOf({ code, failures }: StorageError): StorageError['code'] {
  return failures.length === 0 ? code : codeOfAll(failures)
}
