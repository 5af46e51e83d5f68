import { httpBackend } from '../../src/backends/http/http.ts'
import { parseRange } from '../../src/http/range.ts'
import { objectResponse } from '../../src/http/respond.ts'
import { StorageError } from '../../src/storage/errors.ts'
import type { StoredObject } from '../../src/storage/object.ts'
import type { Call, Report } from './http-report.ts'

/** `POST /` with a call is answered with a report; `GET /name?origin=URL` with the object itself. */
export default {
  async fetch(request) {
    if (request.method === 'POST') return Response.json(await report(await request.json<Call>()))
    const { pathname, searchParams } = new URL(request.url)
    const backend = httpBackend('old', { url: searchParams.get('origin') ?? '' })
    const range = parseRange(request.headers.get('Range'))
    const object = await backend.get(pathname.slice(1), range ? { range } : {})
    if (!object) return new Response(null, { status: 404 })
    return objectResponse(request, object, { cacheControl: 'no-store', range })
  },
} satisfies ExportedHandler

async function report(call: Call): Promise<Report> {
  try {
    return await answer(call)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    const { code, message, status, retryAfter } = error
    const details = {
      ...(status !== undefined && { status }),
      ...(retryAfter !== undefined && { retryAfter }),
    }
    return { error: { code, message, ...details } }
  }
}

async function answer(call: Call): Promise<Report> {
  const { options, operation, name, range, list = {}, patience } = call
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(new DOMException('too late', 'TimeoutError')), patience)
  const { signal } = deadline
  try {
    const backend = httpBackend('old', options)
    // Only JSON is compared, so dates are sent as text.
    if (operation === 'list')
      return JSON.parse(JSON.stringify({ page: await backend.list?.({ ...list, signal }) }))
    const found =
      operation === 'head'
        ? await backend.head(name, { signal })
        : await backend.get(name, { signal, ...(range && { range }) })
    clearTimeout(timer)
    if (!found) return { absent: true }
    const { body, ...info } = found as Partial<StoredObject>
    return JSON.parse(JSON.stringify({ info, ...(body && { body: await consume(body, patience) }) }))
  } finally {
    clearTimeout(timer)
  }
}

async function consume(stream: ReadableStream<Uint8Array>, patience: number): Promise<Report['body']> {
  const digest = new crypto.DigestStream('SHA-256')
  const writer = digest.getWriter()
  const reader = stream.getReader()
  let length = 0
  let broke: string | undefined
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), stalled(patience)])
      if (done) break
      length += value.length
      await writer.write(value)
    }
  } catch (error) {
    broke = String(error)
    await reader.cancel().catch(() => undefined)
  }
  await writer.close()
  const sha256 = new Uint8Array(await digest.digest).toHex()
  return { length, sha256, ...(broke !== undefined && { broke }) }
}

async function stalled(patience: number): Promise<never> {
  await scheduler.wait(patience)
  throw new Error('stalled')
}
