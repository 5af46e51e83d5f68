import { env } from 'cloudflare:workers'
import { beforeAll, describe, expect, it } from 'vitest'
import { OPERATIONS as TABLE } from '../../src/routes/s3/operations.ts'
import { fill, media, SITE } from '../kit/app.ts'
import { BUCKET, S3_KEYS, startS3 } from '../kit/s3-client.ts'
import { type Signed, signHeader, type Unsigned } from '../kit/s3-signer.ts'

const MINUTE = 60_000
const STRANGER = { access_key_id: 'stranger', secret_access_key: 'stranger-secret-0123456789' }
const { app } = startS3()

interface Sample {
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: string
  /** What a key limited to a prefix gets outside it. Default: 403 for all that concerns names. */
  outside?: 'answered'
}

/** A request of each operation, by its name and its parameters. */
const SAMPLES: Readonly<Record<string, Sample>> = {
  // These say nothing about any name.
  ListBuckets: { outside: 'answered' },
  HeadBucket: { outside: 'answered' },
  CreateBucket: { outside: 'answered' },
  DeleteBucket: { outside: 'answered' },
  'GetBucketLocation location': { outside: 'answered' },
  'GetBucketVersioning versioning': { outside: 'answered' },
  // Always empty.
  'ListMultipartUploads uploads': { outside: 'answered' },
  ListObjects: {},
  'ListObjectsV2 list-type': { query: { 'list-type': '2' } },
  // Refuses each name by itself, within its answer.
  'DeleteObjects delete': {
    headers: { 'content-md5': '1qYqAJZfrQv4Ds70DWlMfg==' },
    body: '<Delete><Object><Key>old</Key></Object></Delete>',
    outside: 'answered',
  },
  GetObject: {},
  HeadObject: {},
  'GetObject partNumber': { query: { partNumber: '1' } },
  'HeadObject partNumber': { query: { partNumber: '1' } },
  PutObject: { body: 'new' },
  CopyObject: { headers: { 'x-amz-copy-source': `/${BUCKET}/other` } },
  DeleteObject: {},
  'GetObjectTagging tagging': {},
  'CreateMultipartUpload uploads': {},
  'UploadPart partNumber uploadId': { query: { partNumber: '1', uploadId: 'none' }, body: 'part' },
  'UploadPartCopy partNumber uploadId': {
    query: { partNumber: '1', uploadId: 'none' },
    headers: { 'x-amz-copy-source': `/${BUCKET}/old` },
  },
  'CompleteMultipartUpload uploadId': {
    query: { uploadId: 'none' },
    body: '<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>a</ETag></Part></CompleteMultipartUpload>',
  },
  'AbortMultipartUpload uploadId': { query: { uploadId: 'none' } },
}

const OPERATIONS = Object.entries(TABLE).map(([line, { name, scope }]) => {
  const [, method = '', on = '', query] = /^(\w+) (\w+)(?:\?(\S+))?(?: copy)?$/.exec(line) ?? []
  return { name, scope, method, on, query: query?.split('&') ?? [] }
})
type Operation = (typeof OPERATIONS)[number]

function titleOf({ name, query }: Operation): string {
  return [name, ...query].join(' ')
}

const PATHS: Readonly<Record<string, string>> = {
  service: '/',
  bucket: `/${BUCKET}`,
  object: `/${BUCKET}/old`,
}

function unsigned(operation: Operation): Unsigned {
  const { query, headers, body } = SAMPLES[titleOf(operation)] ?? {}
  const subresources = Object.fromEntries(operation.query.map((name) => [name, '']))
  return {
    method: operation.method,
    path: PATHS[operation.on] ?? '',
    query: { ...subresources, ...query },
    ...(headers && { headers }),
    ...(body !== undefined && { body }),
  }
}

function signedBy(
  key: { access_key_id: string; secret_access_key: string },
  operation: Operation,
  at = new Date(),
) {
  const credentials = { accessKeyId: key.access_key_id, secretAccessKey: key.secret_access_key }
  return signHeader({ endpoint: `${SITE}/-/s3`, credentials, at }, unsigned(operation))
}

async function answerTo({
  method,
  url,
  headers,
  body,
}: Signed): Promise<{ status: number; code: string; text: string }> {
  const length = body && { 'content-length': `${body.length}` }
  const request = new Request(url, { method, headers: { ...headers, ...length }, ...(body && { body }) })
  const answer = await app.fetch(request, env, {} as ExecutionContext)
  const text = await answer.text()
  // A response to HEAD has no body.
  const code = method === 'HEAD' ? '' : (/<Error><Code>(\w+)/.exec(text)?.[1] ?? '')
  return { status: answer.status, code, text }
}

async function stored(): Promise<unknown> {
  const { objects } = await env.MEDIA.list()
  return objects.map(({ key, version }) => [key, version])
}

/** What a request gets, and whether it changed anything. */
async function outcomeOf(request: Signed) {
  const before = await stored()
  const { status, code } = await answerTo(request)
  return { status, code, isUnchanged: JSON.stringify(await stored()) === JSON.stringify(before) }
}

function refusal({ method }: Operation, code = 'AccessDenied') {
  return { status: 403, code: method === 'HEAD' ? '' : code, isUnchanged: true }
}

const withAuthorization = async (operation: Operation, authorization?: string): Promise<Signed> => {
  const { headers, ...request } = await signedBy(S3_KEYS.writer, operation)
  const { authorization: _, ...others } = headers
  return { ...request, headers: { ...others, ...(authorization !== undefined && { authorization }) } }
}
const FORGER = { ...S3_KEYS.writer, secret_access_key: S3_KEYS.reader.secret_access_key }

const UNTRUSTED: readonly [
  title: string,
  request: (operation: Operation) => Promise<Signed>,
  code: string,
][] = [
  ['without a signature', (operation) => withAuthorization(operation), 'AccessDenied'],
  [
    'with a token of the media API',
    (operation) => withAuthorization(operation, 'Bearer open-sesame'),
    'AccessDenied',
  ],
  ['with a forged signature', (operation) => signedBy(FORGER, operation), 'SignatureDoesNotMatch'],
  [
    'too late',
    (operation) => signedBy(S3_KEYS.writer, operation, new Date(Date.now() - 16 * MINUTE)),
    'RequestTimeTooSkewed',
  ],
  ['for an unknown key', (operation) => signedBy(STRANGER, operation), 'InvalidAccessKeyId'],
]

beforeAll(() => fill(media, { old: 'old bytes', other: 'other bytes', 'team/a': 'bytes of the team' }))

it('there is a sample of each operation, and of no other', () => {
  expect(Object.keys(SAMPLES).sort()).toEqual(OPERATIONS.map(titleOf).sort())
})

describe.each(OPERATIONS.map((operation) => [titleOf(operation), operation] as const))(
  '%s',
  (title, operation) => {
    it.each(UNTRUSTED)('is refused %s', async (_, request, code) => {
      expect(await outcomeOf(await request(operation))).toEqual(refusal(operation, code))
    })

    it(`is ${operation.scope === 'write' ? 'refused' : 'answered'} for a key that may only read`, async () => {
      const signed = await signedBy(S3_KEYS.reader, operation)
      if (operation.scope === 'write') expect(await outcomeOf(signed)).toEqual(refusal(operation))
      else expect((await answerTo(signed)).status).not.toBe(403)
    })

    const isAnswered = SAMPLES[title]?.outside === 'answered'
    it(`is ${isAnswered ? 'answered' : 'refused'} for a key of another prefix`, async () => {
      const signed = await signedBy(S3_KEYS.team, operation)
      if (!isAnswered) return expect(await outcomeOf(signed)).toEqual(refusal(operation))
      const before = await stored()
      const { status, text } = await answerTo(signed)
      expect(status).not.toBe(403)
      if (operation.name === 'DeleteObjects')
        expect(text).toContain('<Error><Key>old</Key><Code>AccessDenied</Code>')
      else expect(text).not.toContain('old')
      expect(await stored()).toEqual(before)
    })
  },
)

// No upload has the id, the bucket is there, and cannot be deleted.
describe('a key that may do everything', () => {
  it.each(OPERATIONS.map((operation) => [titleOf(operation), operation] as const))(
    'is answered: %s',
    async (_, operation) => {
      await fill(media, { old: 'old bytes' })
      const { status, code } = await answerTo(await signedBy(S3_KEYS.writer, operation))
      expect([status, code]).toEqual([
        expect.toSatisfy((one) => one < 300 || [404, 405, 409].includes(one)),
        code,
      ])
    },
  )
})

describe('a key limited to a prefix', () => {
  const team = async (request: Unsigned) => {
    const credentials = {
      accessKeyId: S3_KEYS.team.access_key_id,
      secretAccessKey: S3_KEYS.team.secret_access_key,
    }
    return answerTo(await signHeader({ endpoint: `${SITE}/-/s3`, credentials }, request))
  }
  const copy = (to: string, source: string): Unsigned => ({
    method: 'PUT',
    path: `/${BUCKET}/${to}`,
    headers: { 'x-amz-copy-source': source },
  })

  it('neither copies from the outside nor to it', async () => {
    await fill(media, { old: 'old bytes' })
    const before = await stored()
    for (const request of [
      copy('team/b', `/${BUCKET}/old`),
      copy('team/b', `/${BUCKET}/team/../old`),
      copy('team/b', `/${BUCKET}/team%2F..%2Fold`),
      copy('b', `/${BUCKET}/team/a`),
      { ...copy('team/b', `/${BUCKET}/old`), query: { partNumber: '1', uploadId: 'none' } },
    ])
      expect(['AccessDenied', 'InvalidArgument']).toContain((await team(request)).code)
    expect(await stored()).toEqual(before)
  })

  it.each([
    ['', 403],
    ['tea', 403],
    ['team', 403],
    ['old', 403],
    ['team/', 200],
    ['team/a', 200],
    // A prefix is only compared with names, and none has such a part.
    ['team/../', 200],
  ])('lists below its prefix only: %j', async (prefix, status) => {
    for (const query of [{ prefix }, { prefix, 'list-type': '2' }, { prefix, marker: 'o' }]) {
      const answer = await team({ method: 'GET', path: `/${BUCKET}`, query })
      expect(answer.text).not.toContain('<Key>old')
      expect(answer.status).toBe(status)
    }
  })
})
