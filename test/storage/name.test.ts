import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { StorageError } from '../../src/storage/errors.ts'
import { checkName, encodeName, MAX_NAME_BYTES, nameBytes, parseName } from '../../src/storage/name.ts'
import { BAD_PATHS } from '../bad-paths.ts'
import { anyCharacter } from '../kit/any-character.ts'
import { NASTY_NAMES, shown } from '../names.ts'

const UNRESERVED = /^(?:[A-Za-z0-9\-._~/]|%[0-9A-F]{2})*$/

it('is tested with at least 220 different names', () => {
  expect(new Set(NASTY_NAMES).size).toBe(NASTY_NAMES.length)
  expect(NASTY_NAMES.length).toBeGreaterThanOrEqual(220)
})

describe('a nasty name', () => {
  const names = NASTY_NAMES.map((name) => ({ name, title: shown(name) }))

  it.each(names)('can be restored from its path: $title', ({ name }) => {
    const path = encodeName(name)
    expect(path).toMatch(UNRESERVED)
    expect(parseName(path)).toBe(name)
    expect(() => checkName(name)).not.toThrow()
  })

  it.each(names)('passes a URL parser unchanged: $title', ({ name }) => {
    const { pathname } = new URL(`https://media.example/${encodeName(name)}`)
    expect(parseName(pathname.slice(1))).toBe(name)
  })
})

describe('an invalid path', () => {
  it.each(BAD_PATHS.map((bad) => ({ ...bad, title: shown(bad.path) })))(
    'is refused with the reason: $title',
    ({ path, why }) => {
      const error = caught(() => parseName(path))
      expect(error.code).toBe('invalid')
      expect(error.message).toMatch(why)
    },
  )
})

describe('a path', () => {
  it.each([
    ['a%2Fb', 'a/b'],
    ['a%2fb', 'a/b'],
    ['a+b', 'a+b'],
    ['a%2Bb', 'a+b'],
    ['a%252Fb', 'a%2Fb'],
    ['%61', 'a'],
    ['%E2%82%AC', '€'],
    ['%e2%82%ac', '€'],
    ['€', '€'],
    ["!$&'()*+,;=:@", "!$&'()*+,;=:@"],
    ['photo%20(1).jpg', 'photo (1).jpg'],
    ['a//b/', 'a//b/'],
    ['/a', '/a'],
  ])('%s names %s', (path, name) => {
    expect(parseName(path)).toBe(name)
  })
})

describe('any name', () => {
  const names = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 300 })

  it('can be restored from its path, or is refused in both forms', () => {
    fc.assert(
      fc.property(names, (name) => {
        const outcome = (read: () => string) => refusal(read) ?? { name: read() }
        const checked = outcome(() => {
          checkName(name)
          return name
        })
        expect(outcome(() => parseName(encodeName(name)))).toEqual(checked)
      }),
      { numRuns: 2000 },
    )
  })

  it('has one path only, with nothing in it that a signature or a URL would change', () => {
    fc.assert(
      fc.property(names, (name) => {
        const path = encodeName(name)
        expect(path).toMatch(UNRESERVED)
        expect(encodeName(decodeURIComponent(path))).toBe(path)
      }),
    )
  })

  it('is never longer than the limit', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 200, maxLength: 1100 }), (name) => {
        const long = nameBytes(name) > MAX_NAME_BYTES
        expect(refusal(() => checkName(name)) !== undefined || !long).toBe(true)
      }),
    )
  })
})

function refusal(check: () => unknown): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    if (error instanceof StorageError && error.code === 'invalid') return error.message
    throw error
  }
}

function caught(check: () => unknown): StorageError {
  try {
    check()
  } catch (error) {
    if (error instanceof StorageError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
