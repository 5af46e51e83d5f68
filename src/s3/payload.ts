import { checkDigests } from '../bodies/digest.ts'
import { requestDigests } from '../http/digest-headers.ts'
import type { Digests } from '../storage/object.ts'
import { S3ApiError } from './errors.ts'
import type { Payload } from './verify.ts'

/** The body of a request, for storage: nothing is stored unless its size and every digest hold. */
export interface RequestBody {
  body: ReadableStream<Uint8Array>
  size: number
  digests: Digests
}

/** The body with all that the client says of it. */
export function openBody(request: Request, payload: Payload): RequestBody {
  if (payload.kind === 'chunked')
    throw new S3ApiError('NotImplemented', 'bodies framed as aws-chunked are not supported')
  const length = request.headers.get('Content-Length')
  if (length === null || !/^\d{1,15}$/.test(length))
    throw new S3ApiError('MissingContentLength', 'the length of the body must be known: send Content-Length')
  const digests = requestDigests(request.headers)
  if (payload.kind === 'sha256') {
    if (digests.sha256 !== undefined && digests.sha256 !== payload.sha256)
      throw new S3ApiError('InvalidRequest', 'x-amz-content-sha256 contradicts another SHA-256 of the body')
    digests.sha256 = payload.sha256
  }
  return { body: request.body ?? new Blob([]).stream(), size: Number(length), digests }
}

/** The text of a small body, once its digests hold. */
export async function readXmlBody(request: Request, payload: Payload, maxBytes: number): Promise<string> {
  const { body, size, digests } = openBody(request, payload)
  if (size > maxBytes)
    throw new S3ApiError('EntityTooLarge', `the body must be at most ${maxBytes} bytes long`)
  // A body with a Content-Length is never longer than it says.
  const bytes = await new Response(body).bytes()
  if (bytes.length !== size)
    throw new S3ApiError('IncompleteBody', `the body has ${bytes.length} of ${size} bytes`)
  await checkDigests(bytes, digests)
  return new TextDecoder().decode(bytes)
}

/** Content-Encoding as it is stored: without `aws-chunked`, which only frames the request. */
export function storedEncoding(headers: Headers): string | undefined {
  const codings = (headers.get('Content-Encoding') ?? '').split(',').map((coding) => coding.trim())
  return (
    codings.filter((coding) => coding !== '' && coding.toLowerCase() !== 'aws-chunked').join(', ') ||
    undefined
  )
}
