import { describe, expect, it } from 'vitest'
import { cacheStatus, serverTiming } from '../../src/http/cache-status.ts'

describe('cacheStatus()', () => {
  it.each([
    [{ backend: 'r2' }, 'fallback-storage; hit; detail=r2'],
    [{ backend: 'r2', stored: true }, 'fallback-storage; hit; detail=r2'],
    [{ backend: 'legacy' }, 'fallback-storage; fwd=uri-miss; detail=legacy'],
    [{ backend: 'legacy', stored: true }, 'fallback-storage; fwd=uri-miss; stored; detail=legacy'],
    [{}, 'fallback-storage; fwd=uri-miss'],
    [{ backend: 'old site' }, 'fallback-storage; fwd=uri-miss; detail="old site"'],
    [{ backend: '2020' }, 'fallback-storage; fwd=uri-miss; detail="2020"'],
    [{ backend: 'a"b\\c' }, 'fallback-storage; fwd=uri-miss; detail="a\\"b\\\\c"'],
    [{ backend: 'häuser' }, 'fallback-storage; fwd=uri-miss; detail="h%C3%A4user"'],
    [{ backend: 'a\r\nb\ud800' }, 'fallback-storage; fwd=uri-miss; detail="a%0D%0Ab%EF%BF%BD"'],
    [{ backend: '' }, 'fallback-storage; fwd=uri-miss; detail=""'],
  ])('names who answered: case %#', (served, header) => {
    expect(cacheStatus({ method: 'GET', primary: 'r2', ...served })).toBe(header)
  })

  it.each([
    [{ method: 'PUT', backend: 'r2' }, 'fallback-storage; fwd=method; detail=r2'],
    [{ method: 'DELETE' }, 'fallback-storage; fwd=method'],
    [{ method: 'PUT', untried: true }, 'fallback-storage'],
    [{ method: 'GET', untried: true }, 'fallback-storage'],
  ])('says that writes are forwarded, and only what reached a backend: %o', (served, header) => {
    expect(cacheStatus({ primary: 'r2', ...served })).toBe(header)
  })
})

describe('serverTiming()', () => {
  it('says which requests were speculative, and which of them were not needed', () => {
    expect(
      serverTiming([
        { backend: 'media', outcome: 'absent', duration: 3 },
        { backend: 'old', outcome: 'hit', duration: 41, speculative: true },
        { backend: 'older', outcome: 'cancelled', duration: 41, speculative: true },
      ]),
    ).toBe('media;dur=3;desc=absent, old;dur=41;desc="hit; speculative", older;dur=41;desc=cancelled')
  })

  it('has one entry for each backend that was tried, in order', () => {
    const header = serverTiming([
      { backend: 'r2', outcome: 'absent', duration: 12 },
      { backend: 'old site', outcome: 'timeout', duration: 10_000.04 },
      { backend: 'häuser', outcome: 'hit', duration: 3.26 },
    ])
    expect(header).toBe('r2;dur=12;desc=absent, old-site;dur=10000;desc=timeout, h-user;dur=3.3;desc=hit')
  })

  it('is empty when none was tried', () => {
    expect(serverTiming([])).toBe('')
  })
})
