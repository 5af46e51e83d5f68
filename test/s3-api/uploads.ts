import { BUCKET, type S3Init, startS3 } from '../kit/s3-client.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** The Worker, and the requests of an upload in parts. */
export function startUploads(settings: Record<string, unknown> = {}) {
  const site = startS3(settings)
  const on = (name: string) => `/${BUCKET}/${encodeURIComponent(name)}`
  const start = (name: string, init: S3Init = {}) =>
    site.s3('POST', on(name), { ...init, query: { uploads: '' } })
  const create = async (name: string, headers: Record<string, string> = {}): Promise<string> => {
    const text = await (await start(name, { headers })).text()
    return /<UploadId>([^<]+)</.exec(text)?.[1] ?? text
  }
  const sendPart = (
    name: string,
    uploadId: string,
    number: number | string,
    init: S3Init,
  ): Promise<Response> => site.s3('PUT', on(name), { ...init, query: { partNumber: `${number}`, uploadId } })
  /** The ETag of the part. */
  const part = async (name: string, uploadId: string, number: number, body: Bytes): Promise<string> => {
    const answer = await sendPart(name, uploadId, number, { body })
    return answer.headers.get('ETag') ?? (await answer.text())
  }
  /** Part 1 has the first ETag, and so on, unless a number is given. */
  const complete = (
    name: string,
    uploadId: string,
    etags: readonly (string | readonly [number: number, etag: string])[],
    init: S3Init = {},
  ): Promise<Response> => {
    const parts = etags.map((entry, index) => {
      const [number, etag] = typeof entry === 'string' ? [index + 1, entry] : entry
      return `<Part><PartNumber>${number}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag></Part>`
    })
    const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`
    return site.s3('POST', on(name), { ...init, query: { uploadId }, body })
  }
  const abort = (name: string, uploadId: string): Promise<Response> =>
    site.s3('DELETE', on(name), { query: { uploadId } })
  return { ...site, on, start, create, sendPart, part, complete, abort }
}

/** The code of an error document; the status if there is none. */
export async function codeOf(answer: Promise<Response | string> | Response | string): Promise<string> {
  const found = await answer
  const text = typeof found === 'string' ? found : await found.text()
  return /<Code>([^<]+)</.exec(text)?.[1] ?? `${typeof found === 'string' ? found : found.status}`
}
