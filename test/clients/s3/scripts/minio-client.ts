import { Client, CopyConditions } from 'minio'
import { buffer } from 'node:stream/consumers'
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

/** minio-js. */
const { hostname, port, protocol } = new URL(ENDPOINT)
const s3 = new Client({
  endPoint: hostname,
  port: Number(port),
  useSSL: protocol === 'https:',
  accessKey: CREDENTIALS.accessKeyId,
  secretKey: CREDENTIALS.secretAccessKey,
  region: 'auto',
  partSize: 8 * 1024 * 1024,
})

const read = async (key: string) => buffer(await s3.getObject(BUCKET, key))

async function list(prefix: string, recursive: boolean): Promise<string[]> {
  const found: string[] = []
  for await (const entry of s3.listObjectsV2(BUCKET, prefix, recursive)) {
    const { name, prefix: folder } = entry as { name?: string; prefix?: string }
    found.push(name ?? folder ?? '')
  }
  return found
}

result('folders', lines(await list(PREFIX, false)))

const digits = `${PREFIX}seed/digits.txt`
const middle = await buffer(await s3.getPartialObject(BUCKET, digits, 10, 5))
result('ranges', Buffer.concat([middle, await buffer(await s3.getPartialObject(BUCKET, digits, 97))]))

for (const [name, bytes] of await tree()) await s3.putObject(BUCKET, `${PREFIX}names/${name}`, bytes)
result('names', await manifest('names/', await list(`${PREFIX}names/`, true), read))

await s3.fPutObject(BUCKET, `${PREFIX}big.bin`, BIG)
result('big', `${sha256(await read(`${PREFIX}big.bin`))}\n`)

result('seeded', await manifest('seed/', await list(`${PREFIX}seed/`, true), read))

await s3.copyObject(BUCKET, `${PREFIX}copy.txt`, `/${BUCKET}/${digits}`, new CopyConditions())
result('copied', await read(`${PREFIX}copy.txt`))

await s3.removeObjects(BUCKET, DOOMED)
result('deleted', lines(await list(`${PREFIX}doomed/`, true)))

result('listed', lines(await list('many/', true)))

result('presigned-get', await fetchText(await s3.presignedGetObject(BUCKET, digits, 60)))
const writeUrl = await s3.presignedPutObject(BUCKET, `${PREFIX}presigned.txt`, 60)
await fetchText(writeUrl, { method: 'PUT', body: 'put by URL' })
result('presigned-put', await read(`${PREFIX}presigned.txt`))
