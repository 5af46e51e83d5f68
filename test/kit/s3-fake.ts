import { s3Backend, type S3Backend, type S3Options } from '../../src/backends/s3/s3.ts'
import { errorAnswer, listAnswer, entry } from './s3-script.ts'

/** Where a server deviates from S3 in how it treats the headers of a PUT. */
export interface Deviations {
  contentMd5?: 'ignored'
  ifNoneMatch?: 'ignored' | 'refused'
  ifMatch?: 'ignored' | 'refused'
  /** Nothing is replaced or deleted, whatever the condition: a lock rule of R2. */
  locked?: true
  /** Replaces the server's response, if it returns one. */
  instead?: (request: FakeRequest) => Response | undefined
}

export interface FakeRequest {
  method: string
  /** Empty for the bucket itself. */
  key: string
  headers: Headers
}

export interface FakeS3 {
  backend: S3Backend
  objects: Map<string, Uint8Array>
  requests: FakeRequest[]
  /** Every state of a key, with `null` for absence. */
  history(key: string): (number | null)[]
}

/** A backend on a server in memory that behaves like S3, apart from its deviations. */
export function fakeS3(deviations: Deviations = {}, options: Partial<S3Options> = {}): FakeS3 {
  const objects = new Map<string, Uint8Array>()
  const tags = new Map<Uint8Array, string>()
  const metadata = new Map<Uint8Array, [string, string][]>()
  const requests: FakeRequest[] = []
  const states = new Map<string, (number | null)[]>()
  const set = (key: string, bytes: Uint8Array | null): void => {
    states.set(key, [...(states.get(key) ?? []), bytes?.length ?? null])
    if (bytes) objects.set(key, bytes)
    else objects.delete(key)
  }
  const answer = async (url: string, init: RequestInit = {}): Promise<Response> => {
    const { pathname, searchParams } = new URL(url)
    const key = decodeURIComponent(pathname.replace(/^\/media\/?/, ''))
    const request = { method: init.method ?? 'GET', key, headers: new Headers(init.headers) }
    requests.push(request)
    const bytes = new Uint8Array(await new Response(init.body ?? null).arrayBuffer())
    // Other requests are served meanwhile.
    await new Promise((resolve) => setTimeout(resolve, 1))
    const instead = deviations.instead?.(request)
    if (instead) return instead
    const isChange = request.method === 'PUT' || request.method === 'DELETE'
    if (deviations.locked && isChange && objects.has(key))
      return errorAnswer(409, 'ObjectLockedByBucketPolicy')
    if (request.method === 'PUT') return put(request, bytes)
    if (request.method === 'DELETE') {
      set(key, null)
      return new Response(null, { status: 204 })
    }
    if (key === '' && searchParams.has('list-type'))
      return list(searchParams.get('prefix') ?? '', searchParams.get('start-after') ?? '')
    return read(request)
  }
  const list = (prefix: string, after: string): Response => {
    const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).toSorted()
    return listAnswer(keys.map((key) => entry(encodeURIComponent(key), objects.get(key)?.length)).join(''))
  }
  const read = async ({ method, key }: FakeRequest): Promise<Response> => {
    const bytes = objects.get(key)
    if (!bytes) return method === 'HEAD' ? new Response(null, { status: 404 }) : errorAnswer(404, 'NoSuchKey')
    const own = { ETag: await tagOf(bytes), 'Content-Length': `${bytes.length}` }
    const headers = { ...Object.fromEntries(metadata.get(bytes) ?? []), ...own }
    return new Response(method === 'HEAD' ? null : bytes.slice(), { headers })
  }
  const put = async ({ key, headers }: FakeRequest, bytes: Uint8Array): Promise<Response> => {
    const tag = await tagOf(bytes)
    const there = objects.get(key)
    const tagThere = there && tags.get(there)
    const ifMatch = headers.get('If-Match')
    if (ifMatch !== null && deviations.ifMatch !== 'ignored') {
      if (deviations.ifMatch === 'refused') return errorAnswer(501, 'NotImplemented')
      if (!there) return errorAnswer(404, 'NoSuchKey')
      if (ifMatch !== tagThere) return errorAnswer(412, 'PreconditionFailed')
    }
    if (headers.has('If-None-Match') && deviations.ifNoneMatch !== 'ignored') {
      if (deviations.ifNoneMatch === 'refused') return errorAnswer(501, 'NotImplemented')
      if (there) return errorAnswer(412, 'PreconditionFailed')
    }
    const md5 = headers.get('Content-MD5')
    if (
      md5 !== null &&
      deviations.contentMd5 !== 'ignored' &&
      md5 !== Uint8Array.fromHex(tag.slice(1, -1)).toBase64()
    )
      return errorAnswer(400, 'BadDigest')
    tags.set(bytes, tag)
    metadata.set(
      bytes,
      [...headers].filter(([header]) => header.startsWith('x-amz-meta-')),
    )
    set(key, bytes)
    return new Response(null, { headers: { ETag: tag } })
  }
  const backend = s3Backend('legacy', {
    endpoint: 'https://s3.example.com',
    bucket: 'media',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' },
    fetch: answer as typeof fetch,
    ...options,
  })
  return { backend, objects, requests, history: (key) => states.get(key) ?? [] }
}

export async function md5Of(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest('MD5', bytes.slice())
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

async function tagOf(bytes: Uint8Array): Promise<string> {
  return `"${await md5Of(bytes)}"`
}
