import type { ProblemDocument } from '../schemas/answers.ts'

export interface ClientOptions {
  /** The Worker's media base, its MEDIA_PATH included: `https://media.example.com/`. */
  url: string | URL
  /** The bearer token for protected routes. */
  token?: string
  /** Default: the global one. */
  fetch?: typeof fetch
}

/** A request that cannot be sent. */
export class InvalidRequestError extends TypeError {
  override readonly name = 'InvalidRequestError'
}

export interface RequestOptions {
  method?: string
  headers?: Record<string, string>
  query?: Record<string, string | number | boolean | undefined> | undefined
  body?: BodyInit
  /** Sent as JSON. */
  json?: object | undefined
  signal?: AbortSignal
  /** The Workers runtime's types have no name for these. */
  redirect?: 'follow' | 'error' | 'manual'
}

/** Sends one request below the media base. A response other than 2xx or 304 is thrown as an ApiError. */
type Send = (path: string, options?: RequestOptions) => Promise<Response>

export function createSend({ url, token, fetch: send = globalThis.fetch }: ClientOptions): Send {
  const base = mediaBase(url)
  return async (path, { query = {}, headers, json, ...init } = {}) => {
    const target = new URL(base + path)
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) target.searchParams.set(key, String(value))
    }
    const response = await send(target, {
      // A redirect that is followed loses the token, and turns a POST into a GET.
      redirect: 'manual',
      ...init,
      headers: {
        ...(token !== undefined && { Authorization: `Bearer ${token}` }),
        ...(json !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
      // Without it fetch refuses streams: requests are half duplex.
      ...(init.body instanceof ReadableStream && { duplex: 'half' as const }),
    })
    if (response.ok || response.status === 304) return response
    throw await toApiError(response)
  }
}

/** The media base, always with a slash at its end. Throws if it is not one. */
export function mediaBase(url: string | URL): string {
  if (!URL.canParse(url)) throw new InvalidRequestError(`not a URL: ${url}`)
  const { protocol, username, password, search, hash, href } = new URL(url)
  if (protocol !== 'http:' && protocol !== 'https:')
    throw new InvalidRequestError(`not an http or https URL: ${url}`)
  if (username + password !== '')
    throw new InvalidRequestError('the URL contains a user name or password: access is by token only')
  if (search + hash !== '') throw new InvalidRequestError(`the URL contains a query or a fragment: ${url}`)
  return href.endsWith('/') ? href : `${href}/`
}

/** A name as a URL's path. Throws for names that are reserved or that a URL would change. */
export function namePath(name: string): string {
  if (name === '-') throw reserved(name)
  return prefixPath(name)
}

/** A prefix of names as a URL's path. URLs drop `.` and `..` segments, so they are refused. */
export function prefixPath(prefix: string): string {
  const segments = checkPrefix(prefix).split('/')
  if (segments.includes('.') || segments.includes('..')) {
    throw new InvalidRequestError(`the name contains a "." or ".." segment: ${prefix}`)
  }
  if (!prefix.isWellFormed()) throw new InvalidRequestError('the name contains a lone surrogate')
  return segments.map((segment) => encodeURIComponent(segment)).join('/')
}

/** Throws for a prefix that belongs to the Worker's own routes. */
export function checkPrefix<Prefix extends string | undefined>(prefix: Prefix): Prefix {
  if (prefix?.startsWith('-/')) throw reserved(prefix)
  return prefix
}

function reserved(name: string): InvalidRequestError {
  return new InvalidRequestError(
    `"${name}" is reserved: what begins with "-/" belongs to the Worker itself and is never an object`,
  )
}

/** The Worker's response. A page from something else in its place is thrown as an ApiError. */
export async function readJson<Answer>(response: Response): Promise<Answer> {
  const isJson = response.headers.get('Content-Type')?.startsWith('application/json')
  if (!isJson) throw await toApiError(response)
  return (await response.json()) as Answer
}

/** A response that says why a request failed. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly problem: ProblemDocument
  /** Whether the Worker responded, and not something else in its place. */
  readonly isFromWorker: boolean
  /** The seconds after which the request may be sent again, where the response says so. */
  readonly retryAfter: number | undefined

  constructor(problem: ProblemDocument, isFromWorker = true, retryAfter?: number) {
    super(`${problem.title}: ${problem.detail}`)
    this.problem = problem
    this.isFromWorker = isFromWorker
    this.retryAfter = retryAfter
  }

  get status(): number {
    return this.problem.status
  }
}

const MAX_EXCERPT = 200

/** A response that is not a problem document came from something other than the Worker. */
/** The seconds of a Retry-After; undefined if there is none, or if it is a date. */
export function retryAfterOf({ headers }: Response): number | undefined {
  const [seconds] = /^\d+$/.exec(headers.get('Retry-After') ?? '') ?? []
  return seconds === undefined ? undefined : Number(seconds)
}

async function toApiError(response: Response): Promise<ApiError> {
  const { status, url, headers } = response
  const contentType = headers.get('Content-Type') ?? ''
  const text = await response.text()
  const unknown = { type: 'about:blank', title: `HTTP ${status}`, status, detail: url }
  const retryAfter = retryAfterOf(response)
  if (contentType.startsWith('application/problem+json'))
    return new ApiError(parse(text) ?? unknown, true, retryAfter)
  const location = headers.get('Location')
  if (location !== null && URL.canParse(location, url)) {
    const { origin, pathname } = new URL(location, url)
    const detail = `${url} redirects to ${origin}${pathname}; requests with a token are not redirected. Set the URL to the media base there.`
    return new ApiError({ ...unknown, detail }, false)
  }
  // Cloudflare's own errors and the dev server's are a line of plain text.
  const isPlain = contentType.startsWith('text/plain')
  const excerpt = isPlain ? `: ${text.split('\n', 1)[0]?.slice(0, MAX_EXCERPT)}` : ''
  const detail = `${url} did not answer as fallback-storage does${excerpt}. Is the URL its media base?`
  return new ApiError({ ...unknown, detail }, false, retryAfter)
}

/** Null if it was truncated or rewritten on the way, or if it answers a HEAD: then only its status is known. */
function parse(text: string): ProblemDocument | null {
  try {
    const value = JSON.parse(text) as Partial<ProblemDocument> | null
    const isProblem = ['title', 'status', 'detail'].every((key) => value !== null && key in value)
    return isProblem ? (value as ProblemDocument) : null
  } catch {
    return null
  }
}
