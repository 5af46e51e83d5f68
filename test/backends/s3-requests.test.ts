import { describe, expect, it } from 'vitest'
import { scripted, SECRET } from '../kit/s3-script.ts'

const base = 'https://media.example/'
const found = () => new Response('x', { headers: { ETag: '"e"' } })

describe('requests to S3', () => {
  it('signs what S3 requires and nothing that a proxy rewrites', async () => {
    const { backend, sent } = scripted([
      new Response('0', { status: 206, headers: { 'Content-Range': 'bytes 0-0/1' } }),
    ])
    await backend.get('photo (1).jpg', { range: { offset: 0 } })
    const headers = sent[0]?.headers
    expect(headers?.get('Accept-Encoding')).toBe('identity')
    expect(headers?.get('Authorization')).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=[0-9a-f]{64}$/,
    )
    expect(headers?.get('x-amz-content-sha256')).toBe('UNSIGNED-PAYLOAD')
    expect(sent[0]?.url.href).toBe('https://s3.example.com/media/photo%20%281%29.jpg')
  })

  it('signs with a session token', async () => {
    const credentials = { accessKeyId: 'A', secretAccessKey: SECRET, sessionToken: 'TOKEN' }
    const { backend, sent } = scripted([found()], { credentials })
    await backend.get('a')
    expect(sent[0]?.headers.get('x-amz-security-token')).toBe('TOKEN')
    expect(new URL(await backend.url('a', { base })).searchParams.get('X-Amz-Security-Token')).toBe('TOKEN')
  })

  it('signs nothing without credentials', async () => {
    const { backend, sent } = scripted([found()], { unsigned: true })
    await backend.get('a')
    expect([...(sent[0]?.headers.keys() ?? [])]).toEqual([
      'accept-encoding',
      'x-amz-checksum-mode',
      'x-amz-content-sha256',
    ])
    expect(await backend.url('a b', { base })).toBe('https://s3.example.com/media/a%20b')
  })

  it.each([
    ['path', 'https://s3.example.com/', 'https://s3.example.com/media/a/%C3%BC%2B'],
    ['path', 'https://example.com/s3/', 'https://example.com/s3/media/a/%C3%BC%2B'],
    ['virtual', 'https://s3.example.com', 'https://media.s3.example.com/a/%C3%BC%2B'],
    ['virtual', 'http://localhost:9000', 'http://media.localhost:9000/a/%C3%BC%2B'],
  ] as const)('addresses the bucket by %s at %s', async (addressing, endpoint, url) => {
    const { backend, sent } = scripted([found()], { addressing, endpoint })
    await backend.get('a/ü+')
    expect(sent[0]?.url.href).toBe(url)
  })

  it('lets no cache answer reads', async () => {
    const { backend, sent } = scripted([found(), found()])
    await backend.get('a')
    await backend.head('a')
    expect(sent.map(({ method, init }) => [method, init.cache])).toEqual([
      ['GET', 'no-store'],
      ['HEAD', 'no-store'],
    ])
  })

  it.each(['../other/secret', 'a/../../other', 'a/./b', '..'])(
    'refuses %s, which would leave the bucket',
    async (name) => {
      const { backend, sent } = scripted([found()])
      await expect(backend.get(name)).rejects.toMatchObject({ code: 'invalid' })
      expect(sent).toHaveLength(0)
    },
  )
})

describe('URLs', () => {
  it.each([
    [undefined, '3600'],
    [1, '1'],
    [604_800, '604800'],
  ])('are presigned for %s seconds', async (expiresIn, seconds) => {
    const { backend } = scripted([])
    const url = new URL(await backend.url('a (1).jpg', { base, ...(expiresIn && { expiresIn }) }))
    expect(url.origin + url.pathname).toBe('https://s3.example.com/media/a%20%281%29.jpg')
    expect(url.searchParams.get('X-Amz-Expires')).toBe(seconds)
    expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('host')
    expect(url.href).not.toContain(SECRET)
  })

  it.each([0, -1, 604_801, 1.5, Number.NaN])('are not presigned for %s seconds', async (expiresIn) => {
    const { backend } = scripted([])
    await expect(backend.url('a', { base, expiresIn })).rejects.toMatchObject({ code: 'invalid' })
  })

  it('have a path of S3 next to them', () => {
    expect(scripted([]).backend.path('a b/ü')).toBe('s3://media/a b/ü')
  })
})
