import type { ProblemDocument } from './answers.ts'

/** An answer that says why something was not done. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly problem: ProblemDocument
  /** The Worker said so itself; else something that answers in its place. */
  readonly isTold: boolean

  constructor(problem: ProblemDocument, isTold = true) {
    super(`${problem.title}: ${problem.detail}`)
    this.problem = problem
    this.isTold = isTold
  }

  get status(): number {
    return this.problem.status
  }
}

const MAX_SAID = 200

interface Answer {
  status: number
  contentType: string | null
  /** The whole body. */
  text: string
  url: string
}

/** The error that an answer stands for; one that is no problem document came from something else than the Worker. */
export function toApiError({ status, contentType, text, url }: Answer): ApiError {
  const title = `HTTP ${status}`
  if (contentType?.startsWith('application/problem+json')) {
    // A HEAD has no body to tell more.
    return new ApiError(parse(text) ?? { type: 'about:blank', title, status, detail: url })
  }
  // Cloudflare's own errors and the dev server's are a line of plain text.
  const said = contentType?.startsWith('text/plain') ? `: ${text.split('\n', 1)[0]?.slice(0, MAX_SAID)}` : ''
  const detail = `${url} did not answer as fallback-storage does${said}. Is the URL its media base?`
  return new ApiError({ type: 'about:blank', title, status, detail }, false)
}

function parse(text: string): ProblemDocument | null {
  try {
    const value: unknown = JSON.parse(text)
    return isProblem(value) ? value : null
  } catch {
    // Cut short or rewritten on the way: then only its status is known.
    return null
  }
}

function isProblem(value: unknown): value is ProblemDocument {
  return (
    typeof value === 'object' && value !== null && 'title' in value && 'detail' in value && 'status' in value
  )
}
