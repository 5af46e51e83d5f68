import { describe, expect, it } from 'vitest'
import { SITE } from '../kit/app.ts'
import { sign, startS3 } from '../kit/s3-client.ts'

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

  it.each(['X-Amz-Expires', 'x-amz-expires'])('refuses a URL that %s says has expired', async (name) => {
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
    expect(answer.status).toBe(403)
    expect(await answer.text()).toContain('the URL has expired')
  })
})
