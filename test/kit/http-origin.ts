import { httpBackend, type HttpOptions } from '../../src/backends/http/http.ts'
import { answering } from './app.ts'

export const CONTENT = '0123456789'
export const ORIGIN = 'https://origin.example/media/'
export const MODIFIED = 'Wed, 01 May 2024 12:00:00 GMT'

/** A backend whose origin is `answer`, and the requests that it received. */
export function backendOf(answer: Parameters<typeof answering>[0], options: HttpOptions = {}) {
  const origin = answering(answer)
  return {
    backend: httpBackend('old', { url: ORIGIN, fetcher: origin, ...options }),
    requests: origin.requests,
  }
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
