import { type Bucket, type Gate, join, readAll, store, type Stored } from './store.ts'

/** How a server treats conditions of CompleteMultipartUpload; it always honours those of PutObject. */
export type Completion = 'honours' | 'ignores' | 'refuses'

const META = 'x-amz-meta-'
const WRONG_MD5 = 'AAAAAAAAAAAAAAAAAAAAAA=='

/** The API of an S3 bucket in memory, as a `fetch`. */
export function fakeS3(bucket: Bucket, gate: Gate, completion: Completion): typeof fetch {
  const { objects, uploads } = bucket

  const put = async (key: string, headers: Headers, bytes: Uint8Array<ArrayBuffer>): Promise<Response> => {
    if (headers.get('Content-MD5') === WRONG_MD5) return failure(400, 'BadDigest')
    if (!holds(objects.get(key), headers)) return failure(412, 'PreconditionFailed')
    const stored = store(bucket, key, { bytes, ...kept(headers) })
    return new Response(null, { headers: { ETag: `"${stored.etag}"` } })
  }
  const post = (key: string, query: URLSearchParams, headers: Headers): Response => {
    if (query.has('uploads')) {
      const id = crypto.randomUUID()
      uploads.set(id, { key, parts: new Map(), ...kept(headers) })
      return xml(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
    }
    const id = query.get('uploadId') ?? ''
    const upload = uploads.get(id)
    if (!upload) return failure(404, 'NoSuchUpload')
    const isConditional = headers.has('If-None-Match') || headers.has('If-Match')
    if (isConditional && completion === 'refuses') return failure(501, 'NotImplemented')
    if (completion === 'honours' && !holds(objects.get(key), headers))
      return failure(412, 'PreconditionFailed')
    uploads.delete(id)
    const { etag } = store(bucket, key, { ...upload, bytes: join(upload.parts) })
    return xml(`<CompleteMultipartUploadResult><ETag>"${etag}"</ETag></CompleteMultipartUploadResult>`)
  }
  const remove = (key: string, id: string | null): Response => {
    if (id === null) objects.delete(key)
    else if (!uploads.delete(id)) return failure(404, 'NoSuchUpload')
    return new Response(null, { status: 204 })
  }
  const read = (key: string, isHead: boolean): Response => {
    const found = objects.get(key)
    if (!found) return isHead ? new Response(null, { status: 404 }) : failure(404, 'NoSuchKey')
    const meta = Object.entries(found.metadata).map(([name, value]) => [META + name, value] as const)
    const headers = { ...found.headers, ...Object.fromEntries(meta), ETag: `"${found.etag}"` }
    const length = { 'Content-Length': `${found.bytes.length}` }
    return new Response(isHead ? null : found.bytes, { headers: { ...headers, ...length } })
  }

  const fake = async (input: string, init: RequestInit = {}): Promise<Response> => {
    const url = new URL(input)
    const key = decodeURIComponent(url.pathname).replace(/^\/bucket\//, '')
    const headers = new Headers(init.headers)
    const method = init.method ?? 'GET'
    const bytes = method === 'PUT' ? await readAll(init.body) : new Uint8Array()
    const condition = headers.get('If-None-Match') ?? headers.get('If-Match') ?? ''
    await gate(`${method} ${key}${url.search} ${condition}`.trim())
    if (method === 'GET' || method === 'HEAD') return read(key, method === 'HEAD')
    if (method === 'POST') return post(key, url.searchParams, headers)
    if (method === 'DELETE') return remove(key, url.searchParams.get('uploadId'))
    const number = url.searchParams.get('partNumber')
    if (number === null) return put(key, headers, bytes)
    const upload = uploads.get(url.searchParams.get('uploadId') ?? '')
    if (!upload) return failure(404, 'NoSuchUpload')
    upload.parts.set(Number(number), bytes)
    return new Response(null, { headers: { ETag: `"p${number}"` } })
  }
  return fake as unknown as typeof fetch
}

function holds(found: Stored | undefined, headers: Headers): boolean {
  if (headers.get('If-None-Match') === '*' && found) return false
  const match = headers.get('If-Match')
  return match === null || match === `"${found?.etag}"`
}

function kept(headers: Headers): { headers: Record<string, string>; metadata: Record<string, string> } {
  const metadata = [...headers].filter(([name]) => name.startsWith(META))
  const type = headers.get('Content-Type')
  return {
    headers: type === null ? {} : { 'Content-Type': type },
    metadata: Object.fromEntries(metadata.map(([name, value]) => [name.slice(META.length), value])),
  }
}

function xml(content: string): Response {
  return new Response(content, { headers: { 'Content-Type': 'application/xml' } })
}

function failure(status: number, code: string): Response {
  return new Response(`<Error><Code>${code}</Code></Error>`, { status })
}
