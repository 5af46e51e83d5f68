import * as v from 'valibot'
import { baseUrl, s3Table } from '../../config/schemas.ts'
import { usageError } from '../errors.ts'
import type { Questions } from './questions.ts'
import { secretName, type Source, type Table } from './setup.ts'

/** Where the media are now, as the options of `init` say. */
export interface SourceOptions {
  from?: string
  s3?: string
  s3Bucket?: string | undefined
  s3Region?: string
  s3Addressing?: string
}

/** Finds out what belongs to the sources, from the environment and by asking. */
export interface Answers {
  env: NodeJS.ProcessEnv
  /** Undefined if nothing may be asked. */
  questions: Questions | undefined
}

/** A web server. */
export function originSource(url: string, name: string, { env }: Answers): Source {
  const problem = urlProblem(url)
  if (problem !== null) throw usageError(`--from ${problem}`)
  const table: Table = { type: 'http', name, url: v.parse(baseUrl, url) }
  return withPassword({ table, secrets: {} }, env[secretName(table, 'BASIC_AUTH')])
}

/** The same source with a user name and a password, if there are any. */
export function withPassword(source: Source, userAndPassword: string | undefined): Source {
  if (!userAndPassword) return source
  const secret = secretName(source.table, 'BASIC_AUTH')
  return { table: { ...source.table, basic_auth: secret }, secrets: { [secret]: userAndPassword } }
}

/** An S3 bucket. */
export async function bucketSource(options: SourceOptions, name: string, answers: Answers): Promise<Source> {
  const { s3: endpoint = '', s3Bucket: bucket = '', s3Region: region, s3Addressing: addressing } = options
  const table: Table = {
    type: 's3',
    name,
    endpoint,
    bucket,
    ...(region !== undefined && { region }),
    ...(addressing !== undefined && { addressing }),
  }
  const checked = v.safeParse(s3Table, table)
  if (!checked.success) {
    const { path, message } = checked.issues[0]
    const key = String(path?.[0].key)
    throw usageError(`--s3${key === 'endpoint' ? '' : `-${key}`} ${message}`)
  }
  table['endpoint'] = checked.output.endpoint
  const secrets = await keysOf(table, answers)
  if (Object.keys(secrets).length > 0) table['credentials'] = name.toUpperCase()
  return { table, secrets }
}

async function keysOf(table: Table, { env, questions }: Answers): Promise<Record<string, string>> {
  const read = (suffix: string) => env[secretName(table, suffix)] ?? env[`AWS_${suffix}`] ?? ''
  const keys = {
    ACCESS_KEY_ID: read('ACCESS_KEY_ID'),
    SECRET_ACCESS_KEY: read('SECRET_ACCESS_KEY'),
    SESSION_TOKEN: read('SESSION_TOKEN'),
  }
  if (questions && keys.ACCESS_KEY_ID === '') {
    keys.ACCESS_KEY_ID = await questions.text('Access key id (empty if the bucket is public)')
    if (keys.ACCESS_KEY_ID !== '') keys.SECRET_ACCESS_KEY = await questions.secret('Secret access key')
  }
  if (keys.ACCESS_KEY_ID === '') return {}
  if (keys.SECRET_ACCESS_KEY === '') throw usageError(`${secretName(table, 'SECRET_ACCESS_KEY')} is not set`)
  return Object.fromEntries(
    Object.entries(keys).flatMap(([suffix, value]) =>
      value === '' ? [] : [[secretName(table, suffix), value]],
    ),
  )
}

/** What is wrong with the URL of a web server or an endpoint, or null. */
export function urlProblem(url: string): string | null {
  const checked = v.safeParse(baseUrl, url)
  return checked.success ? null : checked.issues[0].message
}

/** What is wrong with the name of an R2 bucket, or null. */
export function bucketProblem(name: string): string | null {
  // developers.cloudflare.com/r2/buckets/create-buckets
  return /^[a-z\d](?:[a-z\d-]{1,61}[a-z\d])$/.test(name)
    ? null
    : 'must be 3 to 63 lower-case letters, digits and hyphens, and begin and end with a letter or digit'
}
