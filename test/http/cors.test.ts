import { describe, expect, it } from 'vitest'
import { corsHeaders, optionsResponse } from '../../src/http/cors.ts'

const SITE = 'https://site.test'
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']

describe('corsHeaders()', () => {
  it('lets every origin read, with the headers that players and sync clients need', () => {
    const headers = corsHeaders(SITE, '*')
    expect(headers).toMatchObject({ 'Access-Control-Allow-Origin': '*', 'Timing-Allow-Origin': '*' })
    expect(headers).not.toHaveProperty('Vary')
    expect(headers['Access-Control-Expose-Headers']?.split(', ')).toEqual(
      expect.arrayContaining([
        'ETag',
        'Content-Range',
        'Content-Length',
        'Accept-Ranges',
        'Last-Modified',
        '*',
      ]),
    )
  })

  it('lets listed origins read, with Vary: Origin', () => {
    expect(corsHeaders(SITE, ['https://a.test', SITE])).toMatchObject({
      'Access-Control-Allow-Origin': SITE,
      Vary: 'Origin',
    })
  })

  it.each([['https://evil.test'], ['https://site.test.evil.test'], ['http://site.test'], ['null'], [null]])(
    'refuses %s',
    (origin) => {
      expect(corsHeaders(origin, [SITE])).toEqual({ Vary: 'Origin' })
    },
  )
})

describe('optionsResponse()', () => {
  it('lists the methods', () => {
    const response = optionsResponse(preflight({}), null, METHODS)
    expect(response.status).toBe(204)
    expect(Object.fromEntries(response.headers)).toEqual({ allow: 'GET, HEAD, OPTIONS, PUT, DELETE' })
  })

  it('allows ranges, conditions, uploads, and the metadata that is requested', () => {
    const requested = 'range, x-amz-meta-title, x-amz-checksum-sha256,x-evil, x-amz-meta-'
    const response = optionsResponse(preflight({ 'Access-Control-Request-Headers': requested }), '*', METHODS)
    const allowed = response.headers.get('Access-Control-Allow-Headers')?.split(', ') ?? []
    expect(allowed).toEqual(
      expect.arrayContaining(['Range', 'If-Range', 'If-None-Match', 'Authorization', 'Content-Type']),
    )
    expect(allowed.filter((name) => name.startsWith('x-'))).toEqual([
      'x-amz-meta-title',
      'x-amz-checksum-sha256',
    ])
    expect(response.headers.get('Access-Control-Allow-Methods')).toBe('GET, HEAD, OPTIONS, PUT, DELETE')
    expect(response.headers.get('Access-Control-Max-Age')).toBe('86400')
  })

  it('leaves the origin to corsHeaders(), so that it is not there twice', () => {
    const response = optionsResponse(preflight({}), '*', METHODS)
    expect(response.headers.has('Access-Control-Allow-Origin')).toBe(false)
  })

  it('does not allow origins that are not listed', () => {
    const response = optionsResponse(preflight({}), ['https://other.test'], METHODS)
    expect(response.headers.has('Access-Control-Allow-Methods')).toBe(false)
    expect(response.headers.get('Vary')).toContain('Access-Control-Request-Headers')
  })
})

function preflight(headers: Record<string, string>): Request {
  const all = { Origin: SITE, 'Access-Control-Request-Method': 'PUT', ...headers }
  return new Request('https://media.test/a.jpg', { method: 'OPTIONS', headers: all })
}
