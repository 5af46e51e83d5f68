import { s3Backend, type S3Backend, type S3Options } from '../../src/backends/s3/s3.ts'

export const SECRET = 'very-secret-key'

export interface Sent {
  method: string
  url: URL
  headers: Headers
  init: RequestInit
}

interface ScriptOptions extends Partial<S3Options> {
  unsigned?: boolean
  /** The server answers 501 to a PUT with a condition. */
  refusesConditions?: boolean
}

/** A backend whose requests, except those that probe the server, are answered in order by `answers`, and what it sent. */
export function scripted(
  answers: (Response | Error)[],
  { unsigned = false, refusesConditions = false, ...options }: ScriptOptions = {},
): { backend: S3Backend; sent: Sent[] } {
  const sent: Sent[] = []
  const rest = [...answers]
  const answer = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers)
    if (url.includes('prefix=-%2Fprobe')) return listAnswer('')
    if (url.includes('/media/-/')) return probeAnswer(headers, refusesConditions)
    sent.push({ method: init.method ?? 'GET', url: new URL(url), headers, init })
    const next = rest.shift()
    if (next === undefined) throw new Error('one request more than was answered')
    if (next instanceof Error) throw next
    // A server answers once it has read the whole body.
    if (next.ok && init.body instanceof ReadableStream) await new Response(init.body).arrayBuffer()
    return next
  }
  const backend = s3Backend('legacy', {
    endpoint: 'https://s3.example.com',
    bucket: 'media',
    region: 'eu-central-1',
    ...(!unsigned && { credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET } }),
    fetch: answer as typeof fetch,
    ...options,
  })
  return { backend, sent }
}

function probeAnswer(headers: Headers, refusesConditions: boolean): Response {
  if (headers.has('If-None-Match') || headers.has('If-Match'))
    return refusesConditions ? errorAnswer(501, 'NotImplemented') : errorAnswer(412, 'PreconditionFailed')
  return headers.has('Content-MD5') ? errorAnswer(400, 'BadDigest') : new Response(null)
}

export function errorAnswer(
  status: number,
  code: string,
  { headers = {}, more = '' }: { headers?: Record<string, string>; more?: string } = {},
): Response {
  const xml = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${SECRET}</Message>${more}</Error>`
  return new Response(xml, { status, headers: { 'Content-Type': 'application/xml', ...headers } })
}

export function listAnswer(content: string): Response {
  return new Response(
    `<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType>${content}</ListBucketResult>`,
  )
}

export function entry(key: string, size = 1): string {
  return `<Contents><Key>${key}</Key><Size>${size}</Size><ETag>&quot;e&quot;</ETag><LastModified>2024-01-02T03:04:05.000Z</LastModified></Contents>`
}
