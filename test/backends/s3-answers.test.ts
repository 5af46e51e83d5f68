import { describe, expect, it } from 'vitest'
import { errorAnswer, scripted, SECRET } from '../kit/s3-script.ts'

const html = (status: number) => new Response('<html>error</html>', { status })

describe('responses from S3', () => {
  it.each([
    ['503 SlowDown', errorAnswer(503, 'SlowDown'), 'unavailable'],
    ['508', errorAnswer(508, 'LoopDetected'), 'loop'],
    ['500 InternalError', errorAnswer(500, 'InternalError'), 'unavailable'],
    ['429', errorAnswer(429, 'TooManyRequests'), 'unavailable'],
    ['a page of a load balancer', html(502), 'unavailable'],
    ['403 AccessDenied', errorAnswer(403, 'AccessDenied'), 'denied'],
    ['403 SignatureDoesNotMatch', errorAnswer(403, 'SignatureDoesNotMatch'), 'denied'],
    ['400 ExpiredToken', errorAnswer(400, 'ExpiredToken'), 'denied'],
    ['400 RequestTimeTooSkewed', errorAnswer(400, 'RequestTimeTooSkewed'), 'denied'],
    ['403 InvalidObjectState', errorAnswer(403, 'InvalidObjectState'), 'denied'],
    ['404 NoSuchBucket', errorAnswer(404, 'NoSuchBucket'), 'unavailable'],
    ['204', new Response(null, { status: 204 }), 'unavailable'],
    ['304', new Response(null, { status: 304 }), 'unavailable'],
  ])('takes %s for a failure, never for absence', async (_, answer, code) => {
    const { backend } = scripted([answer])
    await expect(backend.get('a.jpg')).rejects.toMatchObject({ code, backend: 'legacy' })
  })

  it.each([
    ['NoSuchKey', errorAnswer(404, 'NoSuchKey')],
    ['a page with 404', html(404)],
    ['410', html(410)],
    ['a name that is too long for the server', errorAnswer(400, 'KeyTooLongError')],
    ['a name that the server does not allow', errorAnswer(400, 'InvalidObjectName')],
    ['a name that MinIO does not allow', errorAnswer(400, 'XMinioInvalidObjectName')],
  ])('takes %s for absence', async (_, answer) => {
    const { backend } = scripted([answer])
    expect(await backend.get('a.jpg')).toBeNull()
  })

  it('says when to try again', async () => {
    const { backend } = scripted([errorAnswer(503, 'SlowDown', { headers: { 'Retry-After': '7' } })])
    await expect(backend.get('a.jpg')).rejects.toMatchObject({ retryAfter: 7000, status: 503 })
  })

  it('treats 403 as absence only if that is configured, and only if it is not about the credentials', async () => {
    const options = { absentStatuses: [403, 404] }
    const missing = scripted([errorAnswer(403, 'AccessDenied')], options)
    expect(await missing.backend.get('a.jpg')).toBeNull()
    const wrong = scripted([errorAnswer(403, 'InvalidAccessKeyId')], options)
    await expect(wrong.backend.get('a.jpg')).rejects.toMatchObject({ code: 'denied' })
    const head = scripted([new Response(null, { status: 403 }), errorAnswer(403, 'ExpiredToken')], options)
    await expect(head.backend.head('a.jpg')).rejects.toMatchObject({ code: 'denied' })
  })

  it('sends a GET when a HEAD alone could mean a missing bucket', async () => {
    const none = () => new Response(null, { status: 404 })
    const astray = scripted([none(), errorAnswer(404, 'NoSuchBucket')])
    await expect(astray.backend.head('a.jpg')).rejects.toThrow('the bucket does not exist')
    const { backend, sent } = scripted([none(), errorAnswer(404, 'NoSuchKey'), none(), none()])
    expect(await backend.head('a.jpg')).toBeNull()
    expect(await backend.head('b.jpg')).toBeNull()
    expect(await backend.head('c.jpg')).toBeNull()
    expect(sent.map(({ method }) => method)).toEqual(['HEAD', 'GET', 'HEAD', 'HEAD'])
  })

  it('sends a GET when a HEAD alone could mean a name that the server cannot hold', async () => {
    const refused = () => new Response(null, { status: 400 })
    const { backend } = scripted([refused(), errorAnswer(400, 'XMinioInvalidObjectName')])
    expect(await backend.head('a//b.jpg')).toBeNull()
    const other = scripted([refused(), errorAnswer(400, 'ExpiredToken')])
    await expect(other.backend.head('a.jpg')).rejects.toMatchObject({ code: 'denied' })
  })

  it('blames the caller for storing under a name that the server cannot hold', async () => {
    const { backend } = scripted([errorAnswer(400, 'XMinioInvalidObjectName')])
    await expect(backend.put('a//b', new Uint8Array(1))).rejects.toMatchObject({ code: 'invalid' })
  })

  it.each([
    [
      301,
      errorAnswer(301, 'PermanentRedirect', { headers: { 'x-amz-bucket-region': 'us-west-2' } }),
      'unavailable',
    ],
    [
      307,
      errorAnswer(307, 'TemporaryRedirect', { headers: { 'x-amz-bucket-region': 'us-west-2' } }),
      'unavailable',
    ],
    [400, errorAnswer(400, 'AuthorizationHeaderMalformed', { more: '<Region>us-west-2</Region>' }), 'denied'],
  ])('names the right region on a %i, and goes nowhere else', async (_, answer, code) => {
    const { backend, sent } = scripted([answer])
    const error = await backend.get('a.jpg').catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code, message: expect.stringContaining('region us-west-2') })
    expect(sent).toHaveLength(1)
    expect(sent[0]?.init.redirect).toBe('manual')
  })

  it('does not name an invalid region', async () => {
    const answer = errorAnswer(301, 'PermanentRedirect', { headers: { 'x-amz-bucket-region': '<b>x</b>' } })
    const { backend } = scripted([answer])
    await expect(backend.get('a.jpg')).rejects.toThrow(
      /^S3 answered 301 PermanentRedirect; redirects are not followed$/,
    )
  })

  it('repeats nothing from S3 except its code', async () => {
    const { backend } = scripted([
      errorAnswer(403, 'SignatureDoesNotMatch', { more: `<StringToSign>${SECRET}</StringToSign>` }),
      errorAnswer(500, `<![CDATA[${SECRET} <b>]]>`),
    ])
    for (let request = 0; request < 2; request++) {
      const error: unknown = await backend.get('a.jpg').catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(Error)
      expect(JSON.stringify([String(error), Object.entries(error as Error)])).not.toContain(SECRET)
    }
  })

  it('distinguishes a broken connection from a time-out, and tries neither again', async () => {
    const timeout = Object.assign(new Error('x'), { name: 'TimeoutError' })
    const { backend, sent } = scripted([new Error('Network connection lost.'), timeout])
    await expect(backend.get('a.jpg')).rejects.toMatchObject({ code: 'unavailable' })
    await expect(backend.get('a.jpg')).rejects.toMatchObject({ code: 'timeout' })
    expect(sent).toHaveLength(2)
  })
})

describe('a listing from a hostile server', () => {
  const MIB = 1024 * 1024

  it('that never ends is a failure, and is not read on', async () => {
    let sent = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += MIB
        // Without a limit, the test ends all the same.
        if (sent > 64 * MIB) controller.close()
        else controller.enqueue(new Uint8Array(MIB).fill(0x20))
      },
    })
    const { backend } = scripted([new Response(endless)])
    await expect(backend.list()).rejects.toMatchObject({ code: 'unavailable', backend: 'legacy' })
    expect(sent).toBeLessThan(20 * MIB)
  })

  it('that declares entities is a failure: they are not expanded', async () => {
    const bomb = `<!DOCTYPE x [<!ENTITY a "${'a'.repeat(1000)}"><!ENTITY b "${'&a;'.repeat(1000)}">]><ListBucketResult><Prefix>&b;</Prefix></ListBucketResult>`
    const { backend } = scripted([new Response(bomb)])
    await expect(backend.list()).rejects.toMatchObject({ code: 'unavailable', backend: 'legacy' })
  })
})

describe('ranges from servers that deviate from the standard', () => {
  const partial = (contentRange: string | undefined, body = '234') =>
    new Response(body, {
      status: 206,
      headers: contentRange === undefined ? {} : { 'Content-Range': contentRange },
    })
  const range = { offset: 2, length: 3 }

  it('requests it with numbers', async () => {
    const { backend, sent } = scripted([partial('bytes 2-4/10')])
    const object = await backend.get('a', { range })
    expect(object).toMatchObject({ range: { start: 2, end: 4 }, size: 10 })
    expect(await new Response(object?.body).text()).toBe('234')
    expect(sent[0]?.headers.get('Range')).toBe('bytes=2-4')
  })

  it.each([
    ['another part', partial('bytes 0-2/10')],
    ['a shorter part', partial('bytes 2-3/10')],
    ['no Content-Range', partial(undefined)],
    ['an unknown size', partial('bytes 2-4/*')],
    ['nonsense', partial('items 2-4/10')],
  ])('refuses a 206 with %s', async (_, answer) => {
    const { backend } = scripted([answer])
    await expect(backend.get('a', { range })).rejects.toMatchObject({ code: 'unavailable', status: 206 })
  })

  it('refuses a 206 that was not requested', async () => {
    const { backend } = scripted([partial('bytes 0-2/10')])
    await expect(backend.get('a')).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('cuts the part out of a 200', async () => {
    const { backend } = scripted([new Response('0123456789', { headers: { 'Content-Length': '10' } })])
    const object = await backend.get('a', { range })
    expect(object).toMatchObject({ range: { start: 2, end: 4 }, size: 10 })
    expect(await new Response(object?.body).text()).toBe('234')
  })

  it('finds the size itself if a 416 does not have it', async () => {
    const { backend } = scripted([
      errorAnswer(416, 'InvalidRange'),
      new Response(null, { headers: { 'Content-Length': '10' } }),
    ])
    await expect(backend.get('a', { range: { offset: 10 } })).rejects.toMatchObject({
      code: 'unsatisfiable',
      size: 10,
    })
  })
})
