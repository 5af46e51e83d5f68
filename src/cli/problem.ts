import type { ProblemDocument } from './answers.ts'

/** An answer that says why something was not done. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly problem: ProblemDocument

  constructor(problem: ProblemDocument) {
    super(`${problem.title}: ${problem.detail}`)
    this.problem = problem
  }

  get status(): number {
    return this.problem.status
  }
}

interface Answer {
  status: number
  contentType: string | null
  /** The whole body. */
  text: string
  url: string
}

/** The error that an answer stands for; one that is no problem document came from something else than the Worker. */
export function toApiError({ status, contentType, text, url }: Answer): ApiError {
  const document = contentType?.startsWith('application/problem+json') ? parse(text) : null
  if (document) return new ApiError(document)
  return new ApiError({
    type: 'about:blank',
    title: `HTTP ${status}`,
    status,
    detail: `${url} did not answer as fallback-storage does: is the URL its media base?`,
  })
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
