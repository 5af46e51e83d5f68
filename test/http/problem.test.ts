import { describe, expect, it } from 'vitest'
import { problemResponse, statusOf } from '../../src/http/problem.ts'
import { StorageError } from '../../src/storage/errors.ts'
import type { ErrorCode } from '../../src/storage/errors.ts'

const DOWN = new StorageError('unavailable', 'the origin answered 503', {
  backend: 'legacy',
  retryAfter: 1500,
})
const SLOW = new StorageError('timeout', 'did not answer in time', { backend: 's3' })

describe('statusOf()', () => {
  it.each<[ErrorCode, number]>([
    ['absent', 404],
    ['invalid', 400],
    ['corrupt', 400],
    ['precondition', 412],
    ['too-large', 413],
    ['unsatisfiable', 416],
    ['unsupported', 501],
    ['overloaded', 503],
    ['unavailable', 502],
    ['denied', 502],
    ['skipped', 502],
    ['loop', 508],
    ['timeout', 504],
  ])('%s is %i', (code, status) => {
    expect(statusOf(new StorageError(code, 'x'))).toBe(status)
  })

  it.each<[string, StorageError[], number]>([
    ['all timed out', [SLOW, SLOW], 504],
    ['one failed otherwise', [SLOW, DOWN], 502],
    ['all failed', [DOWN, DOWN], 502],
  ])('of a chain where %s depends on its failures', (_, failures, status) => {
    for (const code of ['unavailable', 'timeout'] as const)
      expect(statusOf(new StorageError(code, 'x', { failures }))).toBe(status)
  })
})

describe('problemResponse()', () => {
  it('shows why each backend failed', async () => {
    const error = new StorageError('unavailable', 'no backend could answer', { failures: [DOWN, SLOW] })
    const response = problemResponse(error)
    expect(response.status).toBe(502)
    expect(Object.fromEntries(response.headers)).toEqual({
      'cache-control': 'no-store',
      'content-type': 'application/problem+json',
      'retry-after': '2',
      vary: 'Accept, Sec-Fetch-Mode',
      'x-content-type-options': 'nosniff',
    })
    expect(await response.json()).toEqual({
      type: '/-/docs/errors#unavailable',
      title: 'A backend failed',
      status: 502,
      detail: 'no backend could answer',
      backends: [
        { name: 'legacy', error: 'unavailable', detail: 'the origin answered 503' },
        { name: 's3', error: 'timeout', detail: 'did not answer in time' },
      ],
    })
  })

  it('names the one backend that was tried', async () => {
    expect(await problemResponse(SLOW).json()).toMatchObject({
      status: 504,
      backends: [{ name: 's3', error: 'timeout', detail: 'did not answer in time' }],
    })
  })

  it('sends the size in a 416', () => {
    const sized = new StorageError('unsatisfiable', 'x', { size: 10 })
    expect(problemResponse(sized).headers.get('Content-Range')).toBe('bytes */10')
    const unsized = new StorageError('unsatisfiable', 'x')
    expect(problemResponse(unsized).headers.get('Content-Range')).toBe('bytes */*')
  })

  it('shows neither cause nor stack', async () => {
    const cause = new Error('connect ECONNREFUSED 10.0.0.7:443 secret')
    const text = await problemResponse(new StorageError('unavailable', 'x', { backend: 'a', cause })).text()
    expect(Object.keys(JSON.parse(text) as object)).toEqual(['type', 'title', 'status', 'detail', 'backends'])
    expect(text).not.toContain('secret')
    expect(text).not.toContain('.ts')
  })

  it('renders a problem that is not about a backend', async () => {
    const problem = { status: 405, title: 'Method Not Allowed', detail: 'x', headers: { Allow: 'GET' } }
    const response = problemResponse(problem)
    expect(response.status).toBe(405)
    expect(response.headers.get('Allow')).toBe('GET')
    expect(await response.json()).toEqual({
      type: 'about:blank',
      title: 'Method Not Allowed',
      status: 405,
      detail: 'x',
    })
  })

  it('links to the errors below the media root', async () => {
    expect(await problemResponse(SLOW, { base: '/media/' }).json()).toMatchObject({
      type: '/media/-/docs/errors#timeout',
    })
  })
})
