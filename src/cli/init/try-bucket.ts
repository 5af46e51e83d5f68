import { AwsV4Signer } from 'aws4fetch'
import { took } from '../output.ts'
import { secretName, type Source, type Trial } from './setup.ts'
import { request, unreachable } from './try-origin.ts'

/** Lists one object of an S3 bucket. Changes nothing. */
export async function tryBucket(source: Source): Promise<Trial> {
  const { table } = source
  const name = String(table['name'])
  const url = listUrl(table)
  const started = Date.now()
  try {
    let answer = await listed(url, source)
    let region = table['region']
    // A service with several regions reports the right one when it refuses a request.
    if (!answer.ok && region === undefined && answer.region !== undefined) {
      region = answer.region
      answer = await listed(url, { ...source, table: { ...table, region } })
    }
    const learned = region === undefined ? {} : { learned: { region } }
    if (!answer.ok) return { check: { name, status: 'failed', ...refusal(answer, source) }, ...learned }
    const content = answer.isEmpty ? 'but is empty' : 'and lists its objects'
    const detail = `the bucket ${table['bucket']} answers in ${took(started)} ${content}`
    return { check: { name, status: 'ok', detail }, ...learned }
  } catch (error) {
    return { check: { name, status: 'failed', ...unreachable(url.origin, error) } }
  }
}

function listUrl({ endpoint, bucket, addressing }: Source['table']): URL {
  const url = new URL(String(endpoint))
  if (addressing === 'virtual') url.host = `${String(bucket)}.${url.host}`
  else url.pathname = `${url.pathname.replace(/\/$/, '')}/${String(bucket)}`
  url.search = 'list-type=2&max-keys=1'
  return url
}

interface Answer {
  ok: boolean
  status: number
  /** S3's code for the error; empty if the server is not one of S3. */
  code: string
  region: string | undefined
  isEmpty: boolean
}

async function listed(url: URL, { table, secrets }: Source): Promise<Answer> {
  const response = await request(url, { headers: await signature(url, table, secrets) })
  const text = await response.text()
  return {
    ok: response.ok && text.includes('<ListBucketResult'),
    status: response.status,
    code: element(text, 'Code') ?? '',
    region: response.headers.get('x-amz-bucket-region') ?? element(text, 'Region'),
    isEmpty: !text.includes('<Contents>'),
  }
}

async function signature(
  url: URL,
  { credentials: prefix, region = 'auto' }: Source['table'],
  secrets: Source['secrets'],
): Promise<Headers> {
  const accessKeyId = secrets[`${String(prefix)}_ACCESS_KEY_ID`]
  const secretAccessKey = secrets[`${String(prefix)}_SECRET_ACCESS_KEY`]
  const sessionToken = secrets[`${String(prefix)}_SESSION_TOKEN`]
  if (accessKeyId === undefined || secretAccessKey === undefined) return new Headers()
  const signer = new AwsV4Signer({
    url: url.href,
    headers: { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
    accessKeyId,
    secretAccessKey,
    ...(sessionToken !== undefined && { sessionToken }),
    service: 's3',
    region: String(region),
  })
  return (await signer.sign()).headers
}

function element(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
}

function refusal({ status, code, region }: Answer, { table }: Source): { detail: string; fix: string } {
  const [id, secret] = ['ACCESS_KEY_ID', 'SECRET_ACCESS_KEY'].map((suffix) => secretName(table, suffix))
  const fixes: Record<string, string> = {
    AccessDenied:
      'allow the keys s3:ListBucket and s3:GetObject on the bucket. If they must not list, add --no-check, and absent_statuses = [403, 404, 410] in wrangler.toml',
    InvalidAccessKeyId: 'check the access key id, and that it belongs to this service',
    SignatureDoesNotMatch: 'check the secret access key',
    AuthorizationHeaderMalformed: 'check the region',
    NoSuchBucket: 'check the name of the bucket, and that it is not part of the endpoint as well',
    PermanentRedirect: "use the endpoint of the bucket's region, e.g. https://s3.eu-central-1.amazonaws.com",
  }
  const needsKeys = table['credentials'] === undefined && [400, 401, 403].includes(status)
  const where = region === undefined ? '' : `, region ${region}`
  return {
    detail: `the bucket ${table['bucket']} answers ${status} ${code || 'without an error of S3'}${where}`,
    fix: needsKeys
      ? `the bucket is not public: set ${id} and ${secret} in the environment`
      : (fixes[code] ?? 'check the endpoint. Some servers need --s3-addressing virtual'),
  }
}
