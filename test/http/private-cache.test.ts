import { describe, expect, it } from 'vitest'
import { privateCacheControl } from '../../src/http/private-cache.ts'

describe('the Cache-Control of a private answer', () => {
  it.each([
    ['public, max-age=3600', 'private, max-age=3600'],
    ['max-age=60', 'private, max-age=60'],
    ['PUBLIC,s-maxage=10 , max-age=1,  proxy-revalidate', 'private, max-age=1'],
    ['public', 'private'],
    ['', 'private'],
    ['no-cache', 'private, no-cache'],
    ['public, immutable, stale-while-revalidate=60', 'private, immutable, stale-while-revalidate=60'],
    ['public, private', 'private'],
    // Only says that these headers are private.
    ['private="set-cookie, x", max-age=5', 'private, max-age=5'],
    ['ext="public, max-age=9", max-age=5', 'private, ext="public, max-age=9", max-age=5'],
    ['publicity=1', 'private, publicity=1'],
  ])('is, for %j, %j', (value, expected) => {
    expect(privateCacheControl(value)).toBe(expected)
  })

  it.each(['no-store', 'private', 'private, max-age=60', 'No-Store, max-age=0', 'private, no-cache'])(
    'stays %j, which is as strict or stricter',
    (value) => {
      expect(privateCacheControl(value)).toBe(value)
    },
  )
})
