import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatRoute, parentOf, parseRoute, type Route } from '../../src/dashboard/route.ts'

const name = fc.oneof(
  fc.string({ minLength: 1, unit: 'grapheme' }),
  fc.constantFrom(
    'a//b',
    ' lead',
    'trail ',
    '100%',
    'a?b#c',
    'x/../y',
    '\u202egpj.exe',
    'quote\'"s',
    '日本/語.jpg',
  ),
)
const routes: fc.Arbitrary<Route> = fc.oneof(
  fc.record({
    view: fc.constant('browse' as const),
    prefix: fc.oneof(fc.constant(''), name),
    filter: fc.oneof(fc.constant(''), name),
  }),
  fc.record({ view: fc.constant('object' as const), name }),
  fc.record({ view: fc.constant('migration' as const), job: name }),
  fc.constant<Route>({ view: 'migration' }),
  fc.record({ view: fc.constant('verification' as const), job: name }),
  fc.constantFrom<Route>(
    ...(['sources', 'rollback', 'health', 'welcome'] as const).map((view) => ({ view })),
  ),
)

describe('addresses', () => {
  it('are read back as they were written, whatever the name', () => {
    fc.assert(
      fc.property(routes, (route) => {
        expect(parseRoute(formatRoute(route))).toEqual(route)
      }),
    )
  })

  it('without a fragment is the root of Browse', () => {
    const root = { view: 'browse', prefix: '', filter: '' }
    expect(parseRoute('')).toEqual(root)
    expect(parseRoute('#/')).toEqual(root)
  })

  it.each(['#/nowhere', '#/object/', '#/health/x', '#/browse/%E0%A4', '#token=abc'])('%s is none', (hash) => {
    expect(parseRoute(hash)).toBeNull()
  })

  it.each([
    ['photos/2024/a.jpg', 'photos/2024/'],
    ['photos/2024/', 'photos/'],
    ['photos/', ''],
    ['a.jpg', ''],
  ])('the folder of %s is "%s"', (path, folder) => {
    expect(parentOf(path)).toBe(folder)
  })
})
