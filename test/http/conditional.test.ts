import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { evaluatePreconditions, ifRangeHolds } from '../../src/http/conditional.ts'
import type { Decision, Validators } from '../../src/http/conditional.ts'

const modified = new Date('2014-06-25T17:12:18.987Z')
const SAME = 'Wed, 25 Jun 2014 17:12:18 GMT'
const EARLIER = 'Wed, 25 Jun 2014 17:12:17 GMT'
const A: Validators = { etag: '"A"', modified }

// Reads are in tables/conditions.ts, where they run through a response.
describe('evaluatePreconditions() of a write', () => {
  it.each<[Record<string, string>, Validators | null, Decision]>([
    [{}, A, 'proceed'],
    [{}, null, 'proceed'],
    [{ 'If-None-Match': '*' }, A, 'failed'],
    [{ 'If-None-Match': '*' }, {}, 'failed'],
    [{ 'If-None-Match': '*' }, null, 'proceed'],
    [{ 'If-None-Match': '"A"' }, A, 'failed'],
    [{ 'If-None-Match': 'W/"A"' }, A, 'failed'],
    [{ 'If-None-Match': '"B"' }, A, 'proceed'],
    [{ 'If-None-Match': '"A"' }, null, 'proceed'],
    [{ 'If-Match': '"A"' }, A, 'proceed'],
    [{ 'If-Match': '"B", "A"' }, A, 'proceed'],
    [{ 'If-Match': '"B"' }, A, 'failed'],
    [{ 'If-Match': 'W/"A"' }, A, 'failed'],
    [{ 'If-Match': '*' }, A, 'proceed'],
    [{ 'If-Match': '*' }, null, 'failed'],
    [{ 'If-Match': '"A"' }, null, 'failed'],
    [{ 'If-Match': '' }, A, 'failed'],
    [{ 'If-Unmodified-Since': SAME }, A, 'proceed'],
    [{ 'If-Unmodified-Since': EARLIER }, A, 'failed'],
    [{ 'If-Unmodified-Since': EARLIER }, null, 'proceed'],
    [{ 'If-Unmodified-Since': EARLIER, 'If-Match': '"A"' }, A, 'proceed'],
    [{ 'If-Modified-Since': SAME }, A, 'proceed'],
    [{ 'If-Match': '"A"', 'If-None-Match': '"A"' }, A, 'failed'],
  ])('%o on %o: %s', (headers, info, decision) => {
    expect(evaluatePreconditions('PUT', new Headers(headers), info)).toBe(decision)
    expect(evaluatePreconditions('DELETE', new Headers(headers), info)).toBe(decision)
  })
})

describe('evaluatePreconditions() of a read', () => {
  it('proceeds to the 404 if there is no object', () => {
    for (const name of ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since'])
      expect(evaluatePreconditions('GET', new Headers({ [name]: '*' }), null)).toBe('proceed')
  })

  it('finds a tag at any place in a list', () => {
    // RFC 9110 §8.8.3: what a tag may hold, of ASCII.
    const tag = fc.stringMatching(/^[\x21\x23-\x7e]{0,12}$/).map((opaque) => `"${opaque}"`)
    fc.assert(
      fc.property(
        fc.array(tag, { maxLength: 5 }),
        tag,
        fc.array(tag, { maxLength: 5 }),
        (before, own, after) => {
          const list = [...before, own, ...after].join(', ')
          const info = { etag: own }
          expect(evaluatePreconditions('GET', new Headers({ 'If-None-Match': list }), info)).toBe(
            'not-modified',
          )
          expect(evaluatePreconditions('GET', new Headers({ 'If-Match': list }), info)).toBe('proceed')
          expect(evaluatePreconditions('GET', new Headers({ 'If-Match': `W/${own}` }), info)).toBe('failed')
          const others = [...before, ...after].filter((other) => other !== own)
          const without = new Headers({ 'If-None-Match': others.join(', ') })
          expect(evaluatePreconditions('GET', without, info)).toBe('proceed')
        },
      ),
    )
  })

  it('finds a tag in several headers of one name', () => {
    const headers = new Headers([
      ['If-None-Match', '"x"'],
      ['If-None-Match', '"A"'],
    ])
    expect(evaluatePreconditions('GET', headers, A)).toBe('not-modified')
  })

  it('decides on a list of 100,000 quotes or blanks at once', () => {
    const started = performance.now()
    for (const filler of ['"', ' ', ',', '" ', '"x', 'W/', '*', '"" '])
      evaluatePreconditions('GET', new Headers({ 'If-None-Match': `x${filler.repeat(50_000)}x` }), A)
    expect(performance.now() - started).toBeLessThan(1000)
  })
})

describe('ifRangeHolds()', () => {
  it.each<[string | null, Validators, boolean]>([
    [null, {}, true],
    ['"A"', A, true],
    ['"B"', A, false],
    ['"A"', {}, false],
    ['W/"A"', { etag: 'W/"A"' }, false],
    [SAME, A, true],
    [EARLIER, A, false],
    [SAME, { etag: '"A"' }, false],
    ['', A, false],
    ['*', A, false],
  ])('%o on %o: %s', (header, info, outcome) => {
    expect(ifRangeHolds(header, info)).toBe(outcome)
  })
})
