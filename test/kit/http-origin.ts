import { httpBackend, type HttpOptions } from '../../src/backends/http/http.ts'

export const CONTENT = '0123456789'
export const ORIGIN = 'https://origin.example/media/'
export const MODIFIED = 'Wed, 01 May 2024 12:00:00 GMT'

type Answer = (request: Request) => Response | Promise<Response>

/** A backend whose origin is `answer`, and the requests that it received. */
export function backendOf(answer: Answer, options: HttpOptions = {}) {
  const requests: Request[] = []
  const fetcher = {
    fetch: async (url: string, init?: RequestInit) => {
      const request = new Request(url, init)
      requests.push(request)
      return answer(request)
    },
  }
  return { backend: httpBackend('old', { url: ORIGIN, fetcher, ...options }), requests }
}

export function ok(headers: Record<string, string> = {}, body: string = CONTENT): Response {
  return new Response(body, { headers: { 'Content-Length': `${body.length}`, ...headers } })
}

export function partial(range: string, body: string, headers: Record<string, string> = {}): Response {
  const length = { 'Content-Length': `${body.length}` }
  return new Response(body, { status: 206, headers: { 'Content-Range': range, ...length, ...headers } })
}

export async function read(body: ReadableStream<Uint8Array> | undefined): Promise<string> {
  return new Response(body).text()
}
