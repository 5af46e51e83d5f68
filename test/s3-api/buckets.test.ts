import { describe, expect, it } from 'vitest'
import { fill, media } from '../kit/app.ts'
import { startS3 } from '../kit/s3-client.ts'

type Method = 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'

async function answerTo(
  method: string,
  path: string,
  init: Parameters<ReturnType<typeof startS3>['s3']>[2] = {},
) {
  const answer = await startS3().s3(method, path, init)
  const xml = await answer.text()
  return { status: answer.status, code: /<Code>(\w+)</.exec(xml)?.[1], xml, headers: answer.headers }
}

describe('buckets', () => {
  it.each([
    ['GET', '/', {}, 200, undefined],
    ['HEAD', '/media', {}, 200, undefined],
    ['HEAD', '/media/', {}, 200, undefined],
    ['HEAD', '/other', {}, 404, undefined],
    ['PUT', '/media', {}, 409, 'BucketAlreadyOwnedByYou'],
    ['PUT', '/other', {}, 403, 'AccessDenied'],
    ['DELETE', '/media', {}, 405, 'MethodNotAllowed'],
    ['DELETE', '/other', {}, 404, 'NoSuchBucket'],
    ['GET', '/other', { policy: '' }, 404, 'NoSuchBucket'],
    ['GET', '/other/key', {}, 404, 'NoSuchBucket'],
    ['GET', '//media/key', {}, 404, 'NoSuchBucket'],
    ['GET', '/media', { location: '' }, 200, undefined],
    ['GET', '/media/', { versioning: '' }, 200, undefined],
    ['POST', '/media', {}, 501, 'NotImplemented'],
    ['PATCH', '/media', {}, 501, 'NotImplemented'],
    ['PUT', '/', {}, 501, 'NotImplemented'],
  ] as const)('%s %s with %j is %i %s', async (method, path, query, status, code) => {
    const answer = await answerTo(method, path, { query })
    expect([answer.status, answer.code]).toEqual([status, code])
  })

  it('are the one of the configuration', async () => {
    const { xml } = await answerTo('GET', '/', { query: { 'x-id': 'ListBuckets', 'max-buckets': '10' } })
    expect(xml).toContain(
      '<Owner><ID>writer</ID><DisplayName>writer</DisplayName></Owner><Buckets><Bucket><Name>media</Name><CreationDate>2024-01-01T00:00:00.000Z</CreationDate></Bucket></Buckets>',
    )
    const { headers } = await answerTo('HEAD', '/media')
    expect(headers.get('x-amz-bucket-region')).toBe('auto')
    expect((await answerTo('GET', '/media', { query: { location: '' } })).xml).toMatch(
      />auto<\/LocationConstraint>$/,
    )
  })

  it('can be asked for by keys that only read', async () => {
    expect((await answerTo('PUT', '/media', { key: 'reader' })).code).toBe('BucketAlreadyOwnedByYou')
    expect((await answerTo('DELETE', '/media', { key: 'reader' })).code).toBe('AccessDenied')
  })

  it('are not named to requests without a signature', async () => {
    const { app } = startS3()
    const answer = await app.request('https://media.example/-/s3/other/key')
    expect(await answer.text()).toContain('<Code>AccessDenied</Code>')
  })
})

describe('sub-resources', () => {
  const BUCKET_ONLY = [
    'accelerate',
    'analytics',
    'cors',
    'encryption',
    'intelligent-tiering',
    'inventory',
    'lifecycle',
    'logging',
    'metrics',
    'notification',
    'object-lock',
    'ownershipControls',
    'policy',
    'policyStatus',
    'publicAccessBlock',
    'replication',
    'requestPayment',
    'versions',
    'website',
  ]
  const OTHERS = [
    'acl',
    'append',
    'attributes',
    'legal-hold',
    'rename',
    'restore',
    'retention',
    'select',
    'tagging',
    'torrent',
    'versionId',
  ]
  const METHODS: Method[] = ['GET', 'PUT', 'POST', 'DELETE']
  const NOT_CONFIGURED = new Map([
    ['cors', 'NoSuchCORSConfiguration'],
    ['encryption', 'ServerSideEncryptionConfigurationNotFoundError'],
    ['lifecycle', 'NoSuchLifecycleConfiguration'],
    ['object-lock', 'ObjectLockConfigurationNotFoundError'],
    ['policy', 'NoSuchBucketPolicy'],
    ['tagging', 'NoSuchTagSet'],
  ])

  it.each([...BUCKET_ONLY, ...OTHERS])('?%s is never another operation', async (name) => {
    await fill(media, { 'a.txt': 'old' })
    for (const path of ['/media', '/media/a.txt'])
      for (const method of METHODS) {
        const { status, code } = await answerTo(method, path, {
          query: { [name]: '' },
          ...(method === 'PUT' && { body: 'new' }),
        })
        if (name === 'tagging' && method === 'GET' && path !== '/media') continue
        const own = method === 'GET' && path === '/media' ? NOT_CONFIGURED.get(name) : undefined
        expect([method, path, status, code]).toEqual([method, path, own ? 404 : 501, own ?? 'NotImplemented'])
      }
    const kept = await media.get('a.txt')
    expect(await new Response(kept?.body).text()).toBe('old')
  })

  it.each(['annotations', 'compose', 'ACL'])(
    '?%s, which is unknown, is not taken for the object',
    async (name) => {
      await fill(media, { 'a.txt': 'old' })
      for (const method of METHODS) {
        const body = method === 'PUT' ? { body: 'new' } : {}
        const { status, code } = await answerTo(method, '/media/a.txt', { query: { [name]: '' }, ...body })
        expect([method, status, code]).toEqual([method, 501, 'NotImplemented'])
      }
      const kept = await media.get('a.txt')
      expect(await new Response(kept?.body).text()).toBe('old')
    },
  )

  it('have no value: other unknown parameters, and those of clients, are passed over', async () => {
    await fill(media, { 'a.txt': 'old' })
    const query = { 'x-id': '', 'X-Own': '', 'response-content-type': '', unknown: '1' }
    expect((await answerTo('GET', '/media/a.txt', { query })).status).toBe(200)
  })

  it('of a bucket are passed over if they are unknown', async () => {
    const { status, xml } = await answerTo('GET', '/media', {
      query: { location: '', 'x-id': 'GetBucketLocation', unknown: '1' },
    })
    expect([status, xml.includes('LocationConstraint')]).toEqual([200, true])
  })

  it.each(['GET', 'HEAD', 'DELETE', 'POST'])('x-amz-copy-source with %s is refused', async (method) => {
    await fill(media, { 'a.txt': 'old' })
    const headers = { 'x-amz-copy-source': '/media/b.txt' }
    expect((await answerTo(method, '/media/a.txt', { headers })).status).toBe(501)
    expect(await media.head('a.txt')).not.toBeNull()
  })

  it('of objects: no object has tags', async () => {
    await fill(media, { 'a.txt': 'old' })
    const query = { tagging: '' }
    const { status, xml } = await answerTo('GET', '/media/a.txt', { query })
    expect([status, xml.includes('<TagSet></TagSet>')]).toEqual([200, true])
    expect((await answerTo('GET', '/media/missing', { query })).code).toBe('NoSuchKey')
  })
})
