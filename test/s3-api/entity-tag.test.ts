import { describe, expect, it } from 'vitest'
import { evaluatePreconditions } from '../../src/http/conditional.ts'
import { attributesOfCopy } from '../../src/migration/copy-result.ts'
import { s3Conditions, s3Tag } from '../../src/s3/entity-tag.ts'
import type { Backend } from '../../src/storage/backend.ts'
import type { ObjectInfo } from '../../src/storage/object.ts'
import { scripted } from '../kit/s3-script.ts'

type Type = Backend['type']

const MD5 = '25f9e794323b453885f5181f1b624d0b'
const OTHER = 'ffffffffffffffffffffffffffffffff'
const BASE: ObjectInfo = {
  name: 'a.bin',
  backend: 'old',
  size: 9,
  modified: new Date('2001-09-09T01:46:40.123Z'),
}
/** 1,000,000,000 seconds and 9 bytes. */
const OF_TIME = '"3b9aca00-9"'

describe('s3Tag()', () => {
  it.each<[string, Type, Partial<ObjectInfo>, string | undefined]>([
    ['a strong tag', 'http', { etag: '"abc"' }, '"abc"'],
    ['a strong tag of nginx', 'http', { etag: '"5f3-1c"' }, '"5f3-1c"'],
    ['the tag of an upload in parts', 's3', { etag: `"${MD5}-3"` }, `"${MD5}-3"`],
    ['R2’s own tag', 'r2', { etag: `"${MD5}"` }, `"${MD5}"`],
    ['S3’s own tag', 's3', { etag: `"${MD5}"` }, `"${MD5}"`],
    ['32 hex digits of an origin', 'http', { etag: `"${MD5}"` }, `"${MD5}-0"`],
    ['32 upper-case hex digits', 'http', { etag: `"${MD5.toUpperCase()}"` }, `"${MD5.toUpperCase()}-0"`],
    ['an MD5 of an origin', 'http', { etag: `"${MD5}"`, digests: { md5: MD5 } }, `"${MD5}"`],
    ['another MD5 of an origin', 'http', { etag: `"${OTHER}"`, digests: { md5: MD5 } }, `"${OTHER}-0"`],
    ['KV’s tag', 'kv', { etag: `"${OTHER}-0"` }, `"${OTHER}-0"`],
    ['a weak tag', 'http', { etag: 'W/"abc"' }, '"abc-0"'],
    ['a weak tag of 32 hex digits', 'http', { etag: `W/"${MD5}"`, digests: { md5: MD5 } }, `"${MD5}-0"`],
    ['no tag', 'http', {}, OF_TIME],
    ['a malformed tag', 'http', { etag: 'abc' }, OF_TIME],
  ])('of %s in %s', (_, type, known, tag) => {
    expect(s3Tag({ ...BASE, ...known }, type)).toBe(tag)
  })

  it('has no size that is not known', () => {
    const { size: _, ...info } = BASE
    expect(s3Tag(info, 'http')).toBe('"3b9aca00-0"')
  })

  it('is undefined if nothing identifies the version', () => {
    expect(s3Tag({ name: 'a.bin', backend: 'old', size: 9 }, 'http')).toBeUndefined()
  })
})

it.each([
  ['nothing', {}, `"${MD5}"`],
  ['keys of S3', { 'x-amz-server-side-encryption': 'AES256' }, `"${MD5}"`],
  ['a key of KMS', { 'x-amz-server-side-encryption': 'aws:kms' }, `"${MD5}-0"`],
  ['a key of the client', { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' }, `"${MD5}-0"`],
])(
  'the tag of an object that S3 encrypts with %s is an MD5 only if it is one',
  async (_, encryption, tag) => {
    const answer = () =>
      new Response(null, { headers: { ETag: `"${MD5}"`, 'Content-Length': '0', ...encryption } })
    const { backend } = scripted([answer(), answer(), answer()])
    const infos = [await backend.head('a'), await backend.get('a'), await backend.put('a', new Uint8Array())]
    expect(infos.map((info) => info && s3Tag(info, 's3'))).toEqual([tag, tag, tag])
  },
)

/** The object after its copy to R2, which has an MD5 and a tag of its own, if it was stored in one piece. */
function copyOf(info: ObjectInfo, md5: string | undefined): ObjectInfo {
  const own: ObjectInfo = {
    ...BASE,
    backend: 'media',
    etag: `"${md5 ?? `${OTHER}-2`}"`,
    modified: new Date(),
  }
  return { ...own, ...(md5 !== undefined && { digests: { md5 } }), ...attributesOfCopy(info) }
}

const conditionHolds = (condition: string, info: ObjectInfo, type: Type): boolean => {
  const tag = s3Tag(info, type)
  const headers = s3Conditions(new Headers({ 'If-Match': condition }), info, tag)
  return (
    evaluatePreconditions('GET', headers, { ...info, ...(tag !== undefined && { etag: tag }) }) === 'proceed'
  )
}

describe('a migration', () => {
  const SOURCES: [string, Type, Partial<ObjectInfo>][] = [
    ['MD5-like tag', 'http', { etag: `"${MD5}"` }],
    ['weak tag', 'http', { etag: 'W/"abc"' }],
    ['no tag', 'http', {}],
    ['strong tag', 'http', { etag: '"abc"' }],
    ['tag of KV', 'kv', { etag: `"${OTHER}-0"` }],
    ['tag of S3', 's3', { etag: `"${MD5}"`, digests: { md5: MD5 } }],
    ['tag of an upload in parts', 's3', { etag: `"${MD5}-4"` }],
  ]
  it.each(SOURCES)('keeps %s of %s valid for If-Match', (_, type, known) => {
    const source = { ...BASE, ...known }
    const before = s3Tag(source, type) ?? ''
    for (const md5 of [MD5, undefined]) {
      const copy = copyOf(source, md5)
      expect(conditionHolds(before, copy, 'r2')).toBe(true)
      expect(conditionHolds(s3Tag(copy, 'r2') ?? '', source, type)).toBe(true)
      expect(conditionHolds('"other"', copy, 'r2')).toBe(false)
    }
  })

  it('gives the copy of an object without tag and time its own tag', () => {
    const { modified: _, ...source } = BASE
    expect(s3Tag(copyOf(source, MD5), 'r2')).toBe(`"${MD5}"`)
    expect(s3Tag(copyOf(source, OTHER), 'r2')).toBe(`"${OTHER}"`)
  })
})

describe('s3Conditions()', () => {
  const info = { ...BASE, etag: `"${MD5}"` }
  it.each([`"${MD5}"`, MD5, `"${MD5}-0"`, `${MD5}-0`, `"other", "${MD5}"`])('accepts %s', (condition) => {
    expect(conditionHolds(condition, info, 'http')).toBe(true)
  })

  it('accepts the tag that a listing has if it has not the object’s own: the server’s, or that of the time', () => {
    const copy = { ...info, version: `"${OTHER}"`, provenance: { backend: 'old', copied: new Date() } }
    expect(conditionHolds(`"${OTHER}"`, copy, 's3')).toBe(true)
    expect(conditionHolds(OF_TIME, info, 'http')).toBe(true)
    expect(conditionHolds(OF_TIME, { ...info, size: 8 }, 'http')).toBe(false)
  })

  it.each(['""', ''])('does not accept %s of an object without a tag', (condition) => {
    expect(conditionHolds(condition, BASE, 'http')).toBe(false)
  })

  it.each([`"${OTHER}"`, `"${MD5}-1"`, `"${MD5}0"`, ''])('does not accept %s', (condition) => {
    expect(conditionHolds(condition, info, 'http')).toBe(false)
  })

  it('leaves * and the caller’s headers as they are', () => {
    const headers = new Headers({ 'If-None-Match': '*' })
    expect(s3Conditions(headers, info)).toBe(headers)
    const tagged = new Headers({ 'If-None-Match': MD5 })
    expect(s3Conditions(tagged, info).get('If-None-Match')).toBe(`"${MD5}"`)
    expect(tagged.get('If-None-Match')).toBe(MD5)
  })
})
