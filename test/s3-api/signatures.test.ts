import { env } from 'cloudflare:workers'
import { describe, expect, it } from 'vitest'
import { rawPath } from '../../src/http/raw-path.ts'
import { S3ApiError } from '../../src/s3/errors.ts'
import { rawQuery } from '../../src/s3/query.ts'
import { sha256Hex } from '../../src/s3/signing-key.ts'
import { type Verified, verify, type VerifyOptions } from '../../src/s3/verify.ts'
import { SITE } from '../kit/app.ts'
import { sign, startS3 } from '../kit/s3-client.ts'
import { presign, type Signed, signHeader, type Signing, type Unsigned } from '../kit/s3-signer.ts'
import { Sha256 } from '../kit/sha256.ts'

const MINUTE = 60_000

describe('signatures', () => {
  it.each([
    ['none', {}, 403, 'AccessDenied'],
    ['version 2', { Authorization: 'AWS writer:c2lnbmF0dXJl' }, 400, 'InvalidRequest'],
    ['version 4A', { Authorization: 'AWS4-ECDSA-P256-SHA256 Credential=x' }, 501, 'NotImplemented'],
    [
      'a malformed one',
      { Authorization: 'AWS4-HMAC-SHA256 Credential=x' },
      400,
      'AuthorizationHeaderMalformed',
    ],
  ])('refuses %s', async (_, headers, status, code) => {
    const { app } = startS3()
    const answer = await app.request(`${SITE}/-/s3/`, { headers })
    expect(answer.status).toBe(status)
    expect(await answer.text()).toContain(`<Code>${code}</Code>`)
  })

  it('refuses another path than the signed one, and says what it expected', async () => {
    const { app } = startS3()
    const { headers } = await sign('GET', '/media/a.jpg')
    const answer = await app.request(`${SITE}/-/s3/media/b.jpg`, { headers })
    expect(answer.status).toBe(403)
    const body = await answer.text()
    expect(body).toContain('<Code>SignatureDoesNotMatch</Code>')
    expect(body).toContain('<StringToSign>AWS4-HMAC-SHA256\n')
    expect(body).toContain('<CanonicalRequest>GET\n/-/s3/media/b.jpg\n')
  })

  it('refuses a header of Amazon that is not signed', async () => {
    const { app } = startS3()
    const { url, headers } = await sign('GET', '/')
    const answer = await app.request(url, { headers: { ...headers, 'x-amz-copy-source': '/media/a.jpg' } })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('x-amz-copy-source')
  })

  it.each([-16, 16])('refuses a clock that is off by %i minutes', async (minutes) => {
    const { s3 } = startS3()
    const answer = await s3('GET', '/', { at: new Date(Date.now() + minutes * MINUTE) })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('<Code>RequestTimeTooSkewed</Code>')
  })

  it('refuses an unknown access key id', async () => {
    const { app } = startS3()
    const { url, headers } = await sign('GET', '/')
    const authorization = headers['authorization']?.replace('=writer/', '=stranger/') ?? ''
    const answer = await app.request(url, { headers: { ...headers, authorization } })
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('<Code>InvalidAccessKeyId</Code>')
  })

  // AWS's names of parameters are case-sensitive, and one that is not read could not limit anything.
  it.each([
    ['X-Amz-Expires', 403, 'Request has expired'],
    ['x-amz-expires', 400, 'the parameter X-Amz-Expires is missing'],
  ])('refuses a URL that %s says has expired', async (name, status, message) => {
    const { app } = startS3()
    const signedAt = new Date(Date.now() - 2 * MINUTE).toISOString().replace(/[-:]|\.\d+/g, '')
    const query = new URLSearchParams({
      'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
      'X-Amz-Credential': `writer/${signedAt.slice(0, 8)}/auto/s3/aws4_request`,
      'X-Amz-Date': signedAt,
      [name]: '60',
      'X-Amz-SignedHeaders': 'host',
      'X-Amz-Signature': '0'.repeat(64),
    })
    const answer = await app.request(`${SITE}/-/s3/media/a.jpg?${query.toString()}`)
    expect(answer.status).toBe(status)
    expect(await answer.text()).toContain(message)
  })
})

/** What `verify` makes of a request: how its body is framed, or the code of the refusal. */
async function outcome(
  { method, url, headers, body }: Signed,
  options: Partial<VerifyOptions<typeof KEY>> & { cf?: object } = {},
): Promise<string> {
  const { cf, ...rest } = options
  const request = new Request(url, { method, headers, ...(body && { body }) })
  if (cf) Object.defineProperty(request, 'cf', { value: cf })
  try {
    const { payload }: Verified = await verify(request, {
      keys: [KEY],
      now: Date.now(),
      query: rawQuery(url),
      paths: [rawPath(url)],
      ...rest,
    })
    return payload.kind
  } catch (error) {
    if (error instanceof S3ApiError) return error.s3Code
    throw error
  }
}

const KEY = { id: 'writer', secret: 'writer-secret-0123456789' }
const context = {} as ExecutionContext
const credentials = { accessKeyId: KEY.id, secretAccessKey: KEY.secret }
const ENDPOINT = `${SITE}/-/s3`
const signing: Signing = { endpoint: ENDPOINT, credentials }
const get: Unsigned = { method: 'GET', path: '/media/a' }

describe('AWS’s published examples', () => {
  const keys = [{ id: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }]
  const now = Date.UTC(2013, 4, 24)
  const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  const authorization = (signedHeaders: string, signature: string): string =>
    `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signedHeaders},Signature=${signature}`
  const host = 'examplebucket.s3.amazonaws.com'
  const common = { host, 'x-amz-date': '20130524T000000Z', 'x-amz-content-sha256': EMPTY }
  const plain = 'host;x-amz-content-sha256;x-amz-date'
  const presigned = `https://${host}/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404`

  const examples: readonly [name: string, request: Signed, kind: string][] = [
    [
      'GET Object',
      {
        method: 'GET',
        url: `https://${host}/test.txt`,
        headers: {
          ...common,
          range: 'bytes=0-9',
          authorization: authorization(
            'host;range;x-amz-content-sha256;x-amz-date',
            'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
          ),
        },
      },
      'sha256',
    ],
    [
      'PUT Object',
      {
        method: 'PUT',
        url: `https://${host}/test$file.text`,
        headers: {
          ...common,
          date: 'Fri, 24 May 2013 00:00:00 GMT',
          'x-amz-storage-class': 'REDUCED_REDUNDANCY',
          'x-amz-content-sha256': '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
          authorization: authorization(
            'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
            '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
          ),
        },
      },
      'sha256',
    ],
    [
      'GET Bucket Lifecycle',
      {
        method: 'GET',
        url: `https://${host}/?lifecycle`,
        headers: {
          ...common,
          authorization: authorization(
            plain,
            'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
          ),
        },
      },
      'sha256',
    ],
    [
      'Get Bucket (List Objects)',
      {
        method: 'GET',
        url: `https://${host}/?max-keys=2&prefix=J`,
        headers: {
          ...common,
          authorization: authorization(
            plain,
            '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
          ),
        },
      },
      'sha256',
    ],
    [
      'the upload in signed chunks',
      {
        method: 'PUT',
        url: 'https://s3.amazonaws.com/examplebucket/chunkObject.txt',
        headers: {
          host: 's3.amazonaws.com',
          'x-amz-date': '20130524T000000Z',
          'x-amz-storage-class': 'REDUCED_REDUNDANCY',
          'x-amz-content-sha256': 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
          'content-encoding': 'aws-chunked',
          'x-amz-decoded-content-length': '66560',
          'content-length': '66824',
          authorization: authorization(
            'content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class',
            '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
          ),
        },
      },
      'chunked',
    ],
    ['a presigned URL', { method: 'GET', url: presigned, headers: { host } }, 'unsigned'],
  ]

  it.each(examples)('%s', async (_, request, kind) => {
    expect(await outcome(request, { keys, now })).toBe(kind)
    expect(await outcome({ ...request, method: 'DELETE' }, { keys, now })).toBe('SignatureDoesNotMatch')
  })

  it('the presigned URL lasts a day, and not a second longer', async () => {
    const at = (seconds: number) =>
      outcome({ method: 'GET', url: presigned, headers: { host } }, { keys, now: now + seconds * 1000 })
    expect([await at(-900), await at(-901)]).toEqual(['unsigned', 'AccessDenied'])
    expect([await at(86_400), await at(86_401)]).toEqual(['unsigned', 'AccessDenied'])
  })
})

describe('paths', () => {
  /** What the client signs, and what arrives. */
  const sent = async (signed: string, arrived: string) =>
    outcome(await signHeader(signing, { method: 'GET', path: signed }), { paths: [`/-/s3${arrived}`] })

  it.each([
    ['as they are', '/media/a//b/./c', '/media/a//b/./c'],
    ['an escaped slash', '/media/a%2Fb', '/media/a%2Fb'],
    ['an escaped slash in lower case', '/media/a%2fb', '/media/a%2fb'],
    ['escapes in lower case, signed in upper case', '/media/a%2Fb', '/media/a%2fb'],
    ['needless escapes', '/media/%61', '/media/%61'],
    ['needless escapes, signed without', '/media/a~', '/media/%61%7E'],
    ['quotes and brackets, signed encoded', '/media/%27%28%21%29%2A', "/media/'(!)*"],
    ['quotes and brackets, signed as they are', "/media/'(!)*", "/media/'(!)*"],
    ['a plus', '/media/a+b', '/media/a+b'],
    ['a plus, signed encoded', '/media/a%2Bb', '/media/a+b'],
    ['UTF-8 that is not escaped', '/media/%C3%BC%F0%9F%98%80', '/media/ü😀'],
  ])('match: %s', async (_, signed, arrived) => {
    expect(await sent(signed, arrived)).toBe('sha256')
  })

  it.each([
    ['an escaped slash for a slash', '/media/a/b', '/media/a%2Fb'],
    ['a slash for an escaped slash', '/media/a%2Fb', '/media/a/b'],
    ['one slash for two', '/media/a//b', '/media/a/b'],
    ['a dot segment that was removed', '/media/a/./b', '/media/a/b'],
    ['a plus for a blank', '/media/a%20b', '/media/a+b'],
    ['an escape that was decoded once more', '/media/a%2541', '/media/a%41'],
    ['another case', '/media/a', '/media/A'],
    ['a composed character for a decomposed one', '/media/u%CC%88', '/media/%C3%BC'],
  ])('do not match: %s', async (_, signed, arrived) => {
    expect(await sent(signed, arrived)).toBe('SignatureDoesNotMatch')
  })

  it.each(['/media/%', '/media/%zz', '/media/%ff', '/media/%c3'])('are refused: %s', async (path) => {
    expect(await sent('/media/a', path)).toBe('InvalidURI')
  })

  it('below the endpoint match with and without its own path, if both are given', async () => {
    const request = await signHeader({ ...signing, endpoint: SITE }, get)
    expect(await outcome(request, { paths: ['/-/s3/media/a', '/media/a'] })).toBe('sha256')
    expect(await outcome(request, { paths: ['/-/s3/media/a'] })).toBe('SignatureDoesNotMatch')
  })

  it.each([
    ['https://s3.media.example', '/media/a'],
    ['https://media.s3.media.example', '/a'],
    ['https://media.s3.media.example', '/media/a'],
  ])('at a hostname of their own: %s%s', async (endpoint, path) => {
    const { app } = startS3({ S3_HOST: 's3.media.example' })
    const { url, headers } = await signHeader({ ...signing, endpoint }, { method: 'HEAD', path })
    expect((await app.request(url, { method: 'HEAD', headers })).status).toBe(404)
  })

  it('at a virtual host do not match with the bucket, which is not in the URL', async () => {
    const { app } = startS3({ S3_HOST: 's3.media.example' })
    const { headers } = await signHeader({ ...signing, endpoint: 'https://media.s3.media.example' }, get)
    const answer = await app.request('https://media.s3.media.example/a', { headers })
    expect([answer.status, await answer.text()]).toEqual([
      403,
      expect.stringContaining('SignatureDoesNotMatch'),
    ])
  })
})

describe('queries', () => {
  /** The query that the client signs, and the one that arrives. */
  const sent = async (query: NonNullable<Unsigned['query']>, arrived: string) => {
    const signed = await signHeader(signing, { ...get, query })
    return outcome({ ...signed, url: `${ENDPOINT}/media/a${arrived}` })
  }

  it.each([
    ['a parameter without =', { uploads: '' }, '?uploads'],
    ['a parameter with an empty value', { uploads: '' }, '?uploads='],
    ['empty parts', { a: '1', b: '2' }, '?&a=1&&b=2&'],
    ['a blank as a plus', { prefix: 'a b' }, '?prefix=a+b'],
    ['an escaped plus', { prefix: 'a+b' }, '?prefix=a%2Bb'],
    ['escapes in lower case', { prefix: 'ü/' }, '?prefix=%c3%bc%2f'],
    ['nothing escaped', { prefix: "a/b:c@d!'(*)" }, "?prefix=a/b:c@d!'(*)"],
    ['= in a value', { token: 'a==' }, '?token=a=='],
    [
      'names that begin alike',
      { prefix: '1', 'prefix-': '2', 'prefix.': '3' },
      '?prefix.=3&prefix-=2&prefix=1',
    ],
    ['one name twice', { tag: ['b', 'a', 'a b'] }, '?tag=b&tag=a%20b&tag=a'],
    ['capitals before small letters', { b: '1', B: '2', a: '3' }, '?a=3&b=1&B=2'],
  ])('match: %s', async (_, query, arrived) => {
    expect(await sent(query, arrived)).toBe('sha256')
  })

  it.each([
    ['a plus, which is read as a blank', { prefix: 'a+b' }, '?prefix=a+b'],
    ['a blank for a plus', { prefix: 'a+b' }, '?prefix=a%20b'],
    ['a value less', { tag: ['a', 'b'] }, '?tag=a'],
    ['a value more', { tag: 'a' }, '?tag=a&tag=a'],
    ['a value as a name', { a: 'b' }, '?a&b'],
    ['an escaped & for one', { a: '1&b=2' }, '?a=1&b=2'],
    ['an escape that was decoded once more', { a: '%41' }, '?a=%41'],
  ])('do not match: %s', async (_, query, arrived) => {
    expect(await sent(query, arrived)).toBe('SignatureDoesNotMatch')
  })

  it('are refused if an escape is not UTF-8', async () => {
    expect(await sent({}, '?a=%ff')).toBe('InvalidURI')
  })
})

describe('headers', () => {
  const sent = async (headers: Record<string, string>, arrived: Record<string, string>, cf?: object) => {
    const signed = await signHeader(signing, { ...get, headers })
    return outcome({ ...signed, headers: { ...signed.headers, ...arrived } }, cf ? { cf } : {})
  }

  it.each([
    ['what the client sent', 'identity', 'br, gzip', { clientAcceptEncoding: 'identity' }],
    ['an empty one', '', 'br, gzip', { clientAcceptEncoding: '' }],
    ['itself, if no proxy kept it', 'identity', 'identity', {}],
  ])('Accept-Encoding counts as %s', async (_, signed, arrived, cf) => {
    expect(await sent({ 'accept-encoding': signed }, { 'accept-encoding': arrived }, cf)).toBe('sha256')
  })

  it('Accept-Encoding does not count as what a proxy put there', async () => {
    const cf = { clientAcceptEncoding: '' }
    expect(await sent({ 'accept-encoding': 'br, gzip' }, {}, cf)).toBe('SignatureDoesNotMatch')
  })

  it.each([
    [
      'values of a repeated header, signed without a blank',
      { 'x-amz-meta-a': '1,2' },
      { 'x-amz-meta-a': '1, 2' },
    ],
    ['a comma and a blank', { 'x-amz-meta-a': '1, 2' }, {}],
    ['blanks around and within a value', { 'x-amz-meta-a': '  a   b ' }, { 'x-amz-meta-a': 'a b' }],
    ['an empty value', { 'x-amz-meta-a': '' }, {}],
    ['a header that need not be signed', {}, { 'content-type': 'text/plain' }],
    ['what proxies add', {}, { 'x-amz-cf-id': 'abc', 'x-amzn-trace-id': 'Root=1', via: '1.1 proxy' }],
  ] as [string, Record<string, string>, Record<string, string>][])(
    'match: %s',
    async (_, signed, arrived) => {
      expect(await sent(signed, arrived)).toBe('sha256')
    },
  )

  it('of Amazon must be signed', async () => {
    for (const name of ['x-amz-meta-a', 'x-amz-copy-source', 'X-Amz-Acl', 'x-amz-trailer'])
      expect(await sent({}, { [name]: 'a' })).toBe('AccessDenied')
  })

  it('Authorization is read with and without blanks, and with a slash in the key id', async () => {
    const keys = [{ ...KEY, id: 'tenant/writer' }]
    const signed = await signHeader(
      { ...signing, credentials: { ...credentials, accessKeyId: 'tenant/writer' } },
      get,
    )
    const authorization = signed.headers['authorization'] ?? ''
    for (const value of [authorization, authorization.replaceAll(', ', ',')])
      expect(
        await outcome({ ...signed, headers: { ...signed.headers, authorization: value } }, { keys }),
      ).toBe('sha256')
  })

  it.each([
    ['unsorted', 'x-amz-date;x-amz-content-sha256;host'],
    ['twice', 'host;host;x-amz-content-sha256;x-amz-date'],
    ['in capitals', 'Host;x-amz-content-sha256;x-amz-date'],
    ['without host', 'x-amz-content-sha256;x-amz-date'],
    ['with an empty one', 'host;;x-amz-content-sha256;x-amz-date'],
  ])('signed headers %s are malformed', async (_, list) => {
    const { headers, ...signed } = await signHeader(signing, get)
    const authorization = (headers['authorization'] ?? '').replace(
      /SignedHeaders=[^,]*/,
      `SignedHeaders=${list}`,
    )
    expect(await outcome({ ...signed, headers: { ...headers, authorization } })).toBe(
      'AuthorizationHeaderMalformed',
    )
  })
})

describe('times', () => {
  const at = async (seconds: number) =>
    outcome(await signHeader({ ...signing, at: new Date(1_700_000_000_000) }, get), {
      now: 1_700_000_000_000 + seconds * 1000,
    })

  it('may be off by 15 minutes', async () => {
    expect([await at(-900), await at(900)]).toEqual(['sha256', 'sha256'])
    expect([await at(-901), await at(901)]).toEqual(['RequestTimeTooSkewed', 'RequestTimeTooSkewed'])
  })

  it('may come in the header Date', async () => {
    const now = Date.UTC(2026, 10, 28)
    const hash = 'UNSIGNED-PAYLOAD'
    const scope = '20261128/auto/s3/aws4_request'
    const signedHeaders = 'date;host;x-amz-content-sha256'
    const date = new Date(now).toUTCString()
    const canonical = `GET\n/-/s3/media/a\n\ndate:${date}\nhost:media.example\nx-amz-content-sha256:${hash}\n\n${signedHeaders}\n${hash}`
    const toSign = `AWS4-HMAC-SHA256\n20261128T000000Z\n${scope}\n${await sha256Hex(canonical)}`
    const signature = await hmacHex(`AWS4${KEY.secret}`, [...scope.split('/'), toSign])
    const send = (more: Record<string, string>) =>
      outcome(
        {
          method: 'GET',
          url: `${ENDPOINT}/media/a`,
          headers: {
            host: 'media.example',
            'x-amz-content-sha256': hash,
            authorization: `AWS4-HMAC-SHA256 Credential=writer/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
            ...more,
          },
        },
        { now },
      )
    expect(await send({ date })).toBe('unsigned')
    expect(await send({ date: new Date(now + 1000).toUTCString() })).toBe('SignatureDoesNotMatch')
    expect(await send({ date: new Date(0).toUTCString() })).toBe('AuthorizationHeaderMalformed')
    expect(await send({ date: 'yesterday' })).toBe('AccessDenied')
    expect(await send({})).toBe('AccessDenied')
  })
})

/** The HMAC of the last text, by keys that are each the HMAC of the text before. */
async function hmacHex(secret: string, texts: readonly string[]): Promise<string> {
  let key = new TextEncoder().encode(secret)
  for (const text of texts) {
    const hmac = new Sha256(key)
    hmac.update(text)
    key = await hmac.digest()
  }
  return key.toHex()
}

describe('presigned URLs', () => {
  const now = 1_700_000_000_000
  const signedAt = (expires: number) => presign({ ...signing, at: new Date(now) }, get, { expires })
  const change = (signed: Signed, from: string | RegExp, to: string): Signed => ({
    ...signed,
    url: signed.url.replace(from, to),
  })

  it('hold from 15 minutes before they were signed until they expire', async () => {
    const signed = await signedAt(60)
    const at = (seconds: number) => outcome(signed, { now: now + seconds * 1000 })
    expect([await at(-900), await at(0), await at(60)]).toEqual(['unsigned', 'unsigned', 'unsigned'])
    expect([await at(-901), await at(61)]).toEqual(['AccessDenied', 'AccessDenied'])
  })

  it('hold for seven days at most', async () => {
    expect(await outcome(await signedAt(604_800), { now })).toBe('unsigned')
    for (const expires of ['604801', '0', '-1', '1e3', '', '60.5', ' 60', '0x60'])
      expect(
        await outcome(change(await signedAt(60), 'X-Amz-Expires=60', `X-Amz-Expires=${expires}`), { now }),
      ).toBe('AuthorizationQueryParametersError')
  })

  it.each([
    ['another expiry', 'X-Amz-Expires=60', 'X-Amz-Expires=61', 'SignatureDoesNotMatch'],
    ['another path', '/media/a', '/media/b', 'SignatureDoesNotMatch'],
    ['a parameter more', /$/, '&versionId=1', 'SignatureDoesNotMatch'],
    ['a parameter twice', /$/, '&X-Amz-Expires=60', 'AuthorizationQueryParametersError'],
    ['a parameter twice, once escaped', /$/, '&X-Amz%2DExpires=600', 'AuthorizationQueryParametersError'],
    ['a second signature', /$/, `&X-Amz-Signature=${'0'.repeat(64)}`, 'AuthorizationQueryParametersError'],
    ['a parameter in small letters', 'X-Amz-Expires', 'x-amz-expires', 'AuthorizationQueryParametersError'],
    ['a longer time in small letters', /$/, '&x-amz-expires=600', 'SignatureDoesNotMatch'],
    ['no algorithm', /X-Amz-Algorithm=[^&]*&/, '', 'AuthorizationQueryParametersError'],
    ['another algorithm', 'SHA256', 'SHA512', 'AuthorizationQueryParametersError'],
    ['version 4A', 'AWS4-HMAC-SHA256', 'AWS4-ECDSA-P256-SHA256', 'NotImplemented'],
    ['no signature', /&X-Amz-Signature=\w+/, '', 'AuthorizationQueryParametersError'],
    ['a session token', /$/, '&X-Amz-Security-Token=a', 'InvalidToken'],
    ['only version 2', /\?.*/, '?AWSAccessKeyId=writer&Signature=x&Expires=9999999999', 'InvalidRequest'],
  ])('are refused with %s', async (_, from, to, code) => {
    expect(await outcome(change(await signedAt(60), from, to), { now })).toBe(code)
  })

  it('are for one method', async () => {
    expect(await outcome({ ...(await signedAt(60)), method: 'HEAD' }, { now })).toBe('SignatureDoesNotMatch')
  })

  it('count beside an Authorization for others, and not beside one for S3', async () => {
    const signed = await signedAt(60)
    const withAuthorization = (authorization: string) =>
      outcome({ ...signed, headers: { ...signed.headers, authorization } }, { now })
    expect(await withAuthorization('Bearer open-sesame')).toBe('unsigned')
    const { headers } = await signHeader({ ...signing, at: new Date(now) }, get)
    expect(await withAuthorization(headers['authorization'] ?? '')).toBe('InvalidArgument')
  })

  it.each([
    ['x-amz-meta-a', 'one\r\nSet-Cookie: two'],
    ['x-amz-meta-a', 'a\0b'],
    ['x-amz-meta-a b', 'one'],
    ['x-amz-meta-(a)', 'one'],
  ])('may hold headers, and not what none can be: %j: %j', async (name, value) => {
    const { app } = startS3()
    const upload = async (query: Record<string, string>) => {
      const put: Unsigned = { method: 'PUT', path: '/media/hoisted', query, body: 'bytes' }
      const { method, url, headers, body } = await presign(signing, put)
      const sent = { ...headers, 'content-length': '5' }
      return app.fetch(new Request(url, { method, headers: sent, ...(body && { body }) }), env, context)
    }
    expect((await upload({ 'x-amz-meta-a': 'one' })).status).toBe(200)
    const answer = await upload({ [name]: value })
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('InvalidArgument')])
  })

  it('may say what the hash of the body is', async () => {
    const put: Unsigned = { method: 'PUT', path: '/media/a' }
    const hash = '2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae'
    const says = (value: string) =>
      presign(signing, { ...put, query: { 'X-Amz-Content-Sha256': value } }, { hash: 'implied' })
    expect(await outcome(await says('UNSIGNED-PAYLOAD'))).toBe('unsigned')
    // The signer leaves the hash of its canonical request unsigned, so one in the query does not match.
    expect(await outcome(await says(hash))).toBe('SignatureDoesNotMatch')
    expect(await outcome(await presign(signing, put, { hash: 'query' }))).toBe('unsigned')
    const implied = await presign(signing, put, { hash: 'implied' })
    expect(await outcome({ ...implied, headers: { ...implied.headers, 'x-amz-content-sha256': hash } })).toBe(
      'AccessDenied',
    )
  })
})

describe('hashes of the body', () => {
  it.each([
    ['UNSIGNED-PAYLOAD', 'unsigned'],
    ['STREAMING-UNSIGNED-PAYLOAD-TRAILER', 'chunked'],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD', 'chunked'],
    ['STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER', 'chunked'],
    ['STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', 'NotImplemented'],
    ['STREAMING-SOMETHING', 'InvalidArgument'],
    ['constructor', 'InvalidArgument'],
    ['unsigned-payload', 'InvalidArgument'],
    ['0'.repeat(63), 'InvalidArgument'],
  ])('%s is %s', async (hash, expected) => {
    expect(
      await outcome(await signHeader(signing, { ...get, headers: { 'x-amz-content-sha256': hash } })),
    ).toBe(expected)
  })
})
