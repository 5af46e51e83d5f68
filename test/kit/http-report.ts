/** One operation of an http backend, for tests that run outside the Worker and provide the origin. */
export interface Call {
  options: { url: string; listing?: 'autoindex-json' }
  operation: 'get' | 'head' | 'list'
  name: string
  range?: { offset: number; length?: number }
  /** Of a listing. */
  list?: { prefix?: string; delimiter?: '/'; limit?: number; after?: string; cursor?: string }
  /** Milliseconds until headers, and then for each chunk. */
  patience: number
}

/** The result: absence, an error, a page, or the object and how its body was read. */
export interface Report {
  absent?: true
  error?: { code: string; message: string; status?: number; retryAfter?: number }
  page?: {
    objects: { name: string; size?: number; modified?: string }[]
    directories: string[]
    cursor?: string
  }
  info?: { size?: number; etag?: string; modified?: string; range?: { start: number; end: number } }
  body?: { length: number; sha256: string; broke?: string }
}
