import type { ProblemDocument } from '../schemas/answers.ts'

export interface ClientOptions {
  /** The Worker's media base, its MEDIA_PATH included: `https://media.example.com/`. */
  url: string | URL
  /** The bearer token for what is protected. */
  token?: string
  /** Default: the global one. */
  fetch?: typeof fetch
}

/** A request that no deployment could answer; nothing was sent. */
export class InvalidRequestError extends TypeError {
  override readonly name = 'InvalidRequestError'
}

export interface RequestOptions {
  method?: string
  headers?: Record<string, string>
  query?: Record<string, string | number | boolean | undefined>
  body?: BodyInit
  /** Sent as JSON. */
  json?: unknown
  signal?: AbortSignal
}

/** One request below the media base; an answer other than 2xx or 3xx is thrown as ApiError. */
export type Send = (path: string, options?: RequestOptions) => Promise<Response>

export function createSend({ url, token, fetch: send = globalThis.fetch }: ClientOptions): Send {
  const base = mediaBase(url)
  return async (path, { query = {}, headers, json, ...init } = {}) => {
    const target = new URL(base + path)
    for (const [key, value] of Object.entries(query)) {
      if (value !== undefined) target.searchParams.set(key, String(value))
    }
    const response = await send(target, {
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
    const contentType = response.headers.get('Content-Type')
    throw toApiError({ status: response.status, contentType, text: await response.text(), url: target.href })
  }
}

/** The media base with the slash that it ends in. Throws for what cannot be one. */
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

/** A name as a URL's path. Throws for names that a URL would turn into something else than an object. */
export function namePath(name: string): string {
  if (name === '-') throw reserved(name)
  return prefixPath(name)
}

/** What names may begin with, as a URL's path. `.` and `..` segments are none: URLs drop them. */
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

/** One request to the JSON API, and its answer. */
export type Call = <Answer>(route: string, options?: RequestOptions) => Promise<Answer>

export function createCall(send: Send): Call {
  return async <Answer>(route: string, options?: RequestOptions) => {
    return readJson<Answer>(await send(`-/api/${route}`, options))
  }
}

/** The Worker's answer. A page that something else answers in its place is thrown as ApiError. */
export async function readJson<Answer>(response: Response): Promise<Answer> {
  const { status, headers, url } = response
  const contentType = headers.get('Content-Type')
  const text = await response.text()
  if (contentType?.startsWith('application/json')) return JSON.parse(text) as Answer
  throw toApiError({ status, contentType, text, url })
}

/** An answer that says why a request failed. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly problem: ProblemDocument
  /** Whether the Worker answered; else something in its place did. */
  readonly isFromWorker: boolean

  constructor(problem: ProblemDocument, isFromWorker = true) {
    super(`${problem.title}: ${problem.detail}`)
    this.problem = problem
    this.isFromWorker = isFromWorker
  }

  get status(): number {
    return this.problem.status
  }
}

const MAX_EXCERPT = 200

interface Received {
  status: number
  contentType: string | null
  /** The whole body. */
  text: string
  url: string
}

/** The error that an answer stands for. One that is not a problem document came from something other than the Worker. */
export function toApiError({ status, contentType, text, url }: Received): ApiError {
  const title = `HTTP ${status}`
  if (contentType?.startsWith('application/problem+json')) {
    // The answer to HEAD has no body.
    return new ApiError(parse(text) ?? { type: 'about:blank', title, status, detail: url })
  }
  // Cloudflare's own errors and the dev server's are a line of plain text.
  const excerpt = contentType?.startsWith('text/plain')
    ? `: ${text.split('\n', 1)[0]?.slice(0, MAX_EXCERPT)}`
    : ''
  const detail = `${url} did not answer as fallback-storage does${excerpt}. Is the URL its media base?`
  return new ApiError({ type: 'about:blank', title, status, detail }, false)
}

function parse(text: string): ProblemDocument | null {
  try {
    const value: unknown = JSON.parse(text)
    return isProblem(value) ? value : null
  } catch {
    // Truncated or rewritten on the way: only its status is known.
    return null
  }
}

function isProblem(value: unknown): value is ProblemDocument {
  return (
    typeof value === 'object' && value !== null && 'title' in value && 'detail' in value && 'status' in value
  )
}
