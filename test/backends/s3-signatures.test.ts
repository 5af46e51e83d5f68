import { AwsV4Signer } from 'aws4fetch'
import { describe, expect, it } from 'vitest'
import { presign, signHeaders } from '../../src/s3/sign.ts'
import * as official from '../kit/s3-signer.ts'

const at = new Date('2026-11-29T16:05:09.123Z')
const region = 'eu-central-1'
const credentials = { accessKeyId: 'AKID/EXAMPLE', secretAccessKey: 'very-secret-key' }
const temporary = { ...credentials, sessionToken: 'a+token/with=signs' }

const PATHS = [
  ['a plain name', '/media/photos/a.jpg'],
  ['a name that is encoded', '/media/a%20%28%2B%29%25%C3%BC%27%2A%21.jpg'],
  ['slashes', '/media//a//'],
  ['the bucket', '/media'],
] as const
const QUERIES = [
  ['', {}],
  ['?uploads=', { uploads: '' }],
  [
    '?partNumber=2&uploadId=a%2Fb%20c%3D',
    // Sorted otherwise than it is sent.
    { partNumber: '2', uploadId: 'a/b c=' },
  ],
  [
    '?list-type=2&encoding-type=url&prefix=a%2Bb',
    { 'list-type': '2', 'encoding-type': 'url', prefix: 'a+b' },
  ],
] as const

describe.each([
  ['keys', credentials],
  ['keys and a session token', temporary],
])('signatures with %s', (_, keys) => {
  it.each(
    PATHS.flatMap(([what, path]) => QUERIES.map(([text, query]) => [what, text, path, query] as const)),
  )('are those of AWS for %s with "%s"', async (_what, text, path, query) => {
    const own = {
      'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
      'x-amz-meta-title': 'two  blanks, and a comma',
      'x-amz-meta-none': '',
    }
    const headers = new Headers(own)
    await signHeaders(
      { method: 'PUT', url: `https://s3.example.com:9000${path}${text}`, headers },
      { ...keys, region },
      at,
    )
    const signing = { endpoint: 'https://s3.example.com:9000', credentials: keys, at, region }
    const signed = await official.signHeader(signing, { method: 'PUT', path, query, headers: own })
    expect(headers.get('Authorization')).toBe(signed.headers['authorization'])
    expect(headers.has('host')).toBe(false)
  })

  it.each(PATHS)('of URLs are those of AWS for %s', async (_what, path) => {
    const endpoint = 'http://localhost:9000'
    const url = new URL(await presign(endpoint + path, 60, { ...keys, region }, at))
    const signing = { endpoint, credentials: keys, at, region }
    const signed = await official.presign(signing, { method: 'GET', path }, { expires: 60, hash: 'implied' })
    expect(url.href.split('?')[0]).toBe(endpoint + path)
    expect(Object.fromEntries(url.searchParams)).toEqual(Object.fromEntries(new URL(signed.url).searchParams))
  })
})

it('encodes what is only in the endpoint as aws4fetch does', async () => {
  const url = "https://example.com/it's (s3)/media/a.jpg"
  const headers = new Headers({ 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })
  await signHeaders({ method: 'GET', url, headers }, { ...credentials, region }, at)
  const datetime = headers.get('x-amz-date') ?? ''
  const signer = new AwsV4Signer({ ...credentials, method: 'GET', url, service: 's3', region, datetime })
  expect(headers.get('Authorization')).toBe(await signer.authHeader())
})
