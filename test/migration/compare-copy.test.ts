import { describe, expect, it } from 'vitest'
import { compareBytes, compareCopy } from '../../src/migration/compare-copy.ts'
import type { ObjectInfo, Provenance } from '../../src/storage/object.ts'

const LONG_AGO = new Date('2026-01-01T00:00:00.400Z')
const copied = new Date('2026-06-01T00:00:00Z')

function copyOf(provenance: Partial<Provenance>, info: Partial<ObjectInfo> = {}): ObjectInfo {
  return { name: 'a', backend: 'new', provenance: { backend: 'old', copied, ...provenance }, ...info }
}

function source(info: Partial<ObjectInfo>): ObjectInfo {
  return { name: 'a', backend: 'old', ...info }
}

const CHANGED = { changed: expect.any(String) }

describe('compareCopy()', () => {
  it.each<[string, ObjectInfo, ObjectInfo, unknown]>([
    ['the same ETag', copyOf({ etag: '"1"' }), source({ etag: '"1"' }), 'same'],
    ['another ETag', copyOf({ etag: '"1"' }), source({ etag: '"2"' }), CHANGED],
    [
      'another ETag at the same time',
      copyOf({ etag: '"1"', modified: LONG_AGO }),
      source({ etag: '"2"', modified: LONG_AGO }),
      CHANGED,
    ],
    [
      'the same ETag at another time',
      copyOf({ etag: '"1"', modified: LONG_AGO }),
      source({ etag: '"1"', modified: copied }),
      'same',
    ],
    ['an ETag of KV from before it had -0', copyOf({ etag: '"ab"' }), source({ etag: '"ab-0"' }), 'same'],
    [
      'the same second',
      copyOf({ modified: LONG_AGO }),
      source({ modified: new Date('2026-01-01T00:00:00Z') }),
      'same',
    ],
    [
      'the same second, and another size',
      copyOf({ modified: LONG_AGO }, { size: 1 }),
      source({ modified: LONG_AGO, size: 2 }),
      CHANGED,
    ],
    ['another time', copyOf({ modified: LONG_AGO }), source({ modified: copied }), CHANGED],
    ['a time that only one side knows', copyOf({ modified: LONG_AGO }), source({}), 'unknown'],
    [
      'a copy made right after the change',
      copyOf({ modified: copied }),
      source({ modified: copied }),
      'unknown',
    ],
    [
      'the same, and an equal digest',
      copyOf({ modified: copied }, { digests: { md5: 'a' } }),
      source({ modified: copied, digests: { md5: 'a' } }),
      'same',
    ],
    ['nothing but the same size', copyOf({}, { size: 1 }), source({ size: 1 }), 'unknown'],
    ['nothing but another size', copyOf({}, { size: 1 }), source({ size: 2 }), CHANGED],
  ])('%s', (_, copy, found, expected) => {
    expect(compareCopy(copy, found)).toEqual(expected)
  })
})

describe('compareBytes()', () => {
  const own = (info: Partial<ObjectInfo>): ObjectInfo => ({ name: 'a', backend: 'new', ...info })
  it.each<[string, ObjectInfo, ObjectInfo, unknown]>([
    [
      'the strongest digest that both know decides',
      own({ digests: { sha256: 'a', md5: 'b' } }),
      source({ digests: { sha256: 'c', md5: 'b' } }),
      { changed: 'sha256 differs' },
    ],
    ['an ETag that is the MD5', own({ digests: { md5: 'ab' } }), source({ etag: '"ab"' }), 'same'],
    [
      'an ETag that is not the MD5 proves nothing',
      own({ digests: { md5: 'ab' } }),
      source({ etag: '"cd"' }),
      'unknown',
    ],
    ['empty objects', own({ size: 0 }), source({ size: 0 }), 'same'],
  ])('%s', (_, mine, found, expected) => {
    expect(compareBytes(mine, found)).toEqual(expected)
  })
})
