import {
  CopyObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandInput,
  ListObjectsV2Command,
  paginateListObjectsV2,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { Upload } from '@aws-sdk/lib-storage'
import { getSignedUrl } from '@aws-sdk/s3-request-presigner'
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import {
  BIG,
  BUCKET,
  CREDENTIALS,
  DOOMED,
  ENDPOINT,
  fetchText,
  lines,
  manifest,
  PREFIX,
  result,
  sha256,
  tree,
} from './script.ts'

/** The AWS SDK for JavaScript, with lib-storage. */
const s3 = new S3Client({
  endpoint: ENDPOINT,
  region: 'auto',
  credentials: CREDENTIALS,
  forcePathStyle: true,
})
const at = (name: string) => ({ Bucket: BUCKET, Key: PREFIX + name })

async function read(Key: string, options: Partial<GetObjectCommandInput> = {}): Promise<Uint8Array> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: BUCKET, Key, ...options }))
  if (!Body) throw new Error(`${Key} has no body`)
  return Body.transformToByteArray()
}

async function keys(Prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const { Contents = [] } of paginateListObjectsV2({ client: s3 }, { Bucket: BUCKET, Prefix }))
    found.push(...Contents.map(({ Key = '' }) => Key))
  return found
}

const { CommonPrefixes = [] } = await s3.send(
  new ListObjectsV2Command({ Bucket: BUCKET, Prefix: PREFIX, Delimiter: '/' }),
)
result('folders', lines(CommonPrefixes.map(({ Prefix = '' }) => Prefix)))

const digits = `${PREFIX}seed/digits.txt`
const middle = await read(digits, { Range: 'bytes=10-14' })
result('ranges', Buffer.concat([middle, await read(digits, { Range: 'bytes=-3' })]))

for (const [name, Body] of await tree()) await s3.send(new PutObjectCommand({ ...at(`names/${name}`), Body }))
result('names', await manifest('names/', await keys(`${PREFIX}names/`), read))
if (process.env.BRIEF) process.exit()

await new Upload({ client: s3, params: { ...at('big.bin'), Body: createReadStream(BIG) } }).done()
result('big', `${sha256(await read(`${PREFIX}big.bin`))}\n`)

// A stream of known length: its checksum is in a trailer.
const Body = Readable.from([Buffer.from('streamed '), Buffer.from('body')])
await s3.send(new PutObjectCommand({ ...at('stream.txt'), Body, ContentLength: 13 }))
const streamed = Buffer.from(await read(`${PREFIX}stream.txt`)).toString()
if (streamed !== 'streamed body') throw new Error(`stored "${streamed}"`)

result('seeded', await manifest('seed/', await keys(`${PREFIX}seed/`), read))

await s3.send(new CopyObjectCommand({ ...at('copy.txt'), CopySource: `${BUCKET}/${digits}` }))
result('copied', await read(`${PREFIX}copy.txt`))

const once = { ...at('once.txt'), IfNoneMatch: '*' }
await s3.send(new PutObjectCommand({ ...once, Body: 'first' }))
const refusal = await s3
  .send(new PutObjectCommand({ ...once, Body: 'second' }))
  .catch((error: unknown) => error)
if (!(refusal instanceof Error && refusal.name === 'PreconditionFailed')) throw new Error(String(refusal))
result('conditional-write', await read(`${PREFIX}once.txt`))

const { Errors } = await s3.send(
  new DeleteObjectsCommand({ Bucket: BUCKET, Delete: { Objects: DOOMED.map((Key) => ({ Key })) } }),
)
if (Errors) throw new Error(JSON.stringify(Errors))
result('deleted', lines(await keys(`${PREFIX}doomed/`)))

result('listed', lines(await keys('many/')))

const readUrl = await getSignedUrl(s3, new GetObjectCommand(at('seed/digits.txt')))
result('presigned-get', await fetchText(readUrl))
const writeUrl = await getSignedUrl(s3, new PutObjectCommand(at('presigned.txt')))
await fetchText(writeUrl, { method: 'PUT', body: 'put by URL' })
result('presigned-put', await read(`${PREFIX}presigned.txt`))
