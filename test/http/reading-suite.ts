import { describe, expect, it } from 'vitest'
import type { ReadingObject, ReadingRow } from './tables/row.ts'
import { contentOf } from './tables/row.ts'

/** A site that serves objects that are put into one of its backends. */
export interface Site {
  /** `path` begins with `/`. */
  fetch(path: string, init: RequestInit): Promise<Response>
  /** Stores the text with these validators, like a copy. */
  put(name: string, text: string, validators: Omit<ReadingObject, 'size'>): Promise<void>
  /** Responses come over a socket, so that Content-Length can be seen on a GET's too. */
  overTheWire?: boolean
}

/** RFC 9110's rules for reading, row by row, on a new site for each. */
export function describeReading(
  title: string,
  setup: () => Promise<Site>,
  rows: readonly ReadingRow[],
): void {
  describe(`reading from ${title}`, () => {
    it.each(rows)('$method $title → $expect.status', async (row) => {
      const site = await setup()
      const { size, ...validators } = row.object
      await site.put('reading/object.bin', contentOf(size), validators)
      const { method, headers } = row
      const response = await site.fetch('/reading/object.bin', { method, headers })
      expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
      expect(await seen(response, row, site.overTheWire)).toEqual(expected(row, site.overTheWire))
    })

    it.each([{ 'If-Match': '"A"' }, { 'If-Match': '*' }, { 'If-None-Match': '*' }, { Range: 'bytes=0-4' }])(
      'answers 404 to %o if there is nothing',
      async (headers) => {
        const site = await setup()
        const response = await site.fetch('/reading/nothing.bin', { headers })
        await response.text()
        expect(response.status).toBe(404)
      },
    )
  })
}

interface Seen {
  status: number
  contentRange: string | null
  cacheable: boolean
  etag?: string | null
  modified?: string | null
  acceptRanges?: string | null
  contentLength?: string | null
  contentType?: string | null
  problemStatus?: unknown
  body?: string
}

/** The parts of a response that its row covers. */
export async function seen(response: Response, row: ReadingRow, overTheWire = false): Promise<Seen> {
  const { status, headers } = response
  const body = await response.text()
  const cacheControl = headers.get('Cache-Control')
  const common = {
    status,
    contentRange: headers.get('Content-Range'),
    cacheable: cacheControl !== null && cacheControl !== 'no-store',
  }
  if (isProblem(row)) {
    const problem = row.method === 'GET' ? (JSON.parse(body) as { status: unknown }) : row.expect
    return { ...common, contentType: headers.get('Content-Type'), problemStatus: problem.status }
  }
  const etag = row.object.etag === undefined ? {} : { etag: headers.get('ETag') }
  const modified = row.object.modified ? { modified: headers.get('Last-Modified') } : {}
  if (row.expect.status === 304) return { ...common, ...etag, ...modified, body }
  const showsLength = row.method === 'HEAD' || overTheWire
  const contentLength = showsLength ? { contentLength: headers.get('Content-Length') } : {}
  const acceptRanges = headers.get('Accept-Ranges')
  return { ...common, ...etag, ...modified, ...contentLength, acceptRanges, body }
}

/** The expected `seen`. */
export function expected(row: ReadingRow, overTheWire = false): Seen {
  const { status, contentRange = null, contentLength, body = '' } = row.expect
  const common = { status, contentRange, cacheable: !isProblem(row) }
  if (isProblem(row)) return { ...common, contentType: 'application/problem+json', problemStatus: status }
  const { etag, modified } = row.object
  const validators = { ...(etag && { etag }), ...(modified && { modified: modified.toUTCString() }) }
  if (status === 304) return { ...common, ...validators, body: '' }
  const showsLength = row.method === 'HEAD' || overTheWire
  return {
    ...common,
    ...validators,
    ...(showsLength && { contentLength: `${contentLength}` }),
    acceptRanges: 'bytes',
    body: row.method === 'HEAD' ? '' : body,
  }
}

function isProblem({ expect: { status } }: ReadingRow): boolean {
  return status === 412 || status === 416
}
