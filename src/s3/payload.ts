import { headerDigests } from '../http/digest-headers.ts'
import type { Digests } from '../storage/object.ts'
import { S3ApiError } from './errors.ts'
import type { Payload } from './verify.ts'
import { parseDocument, type XmlElement } from './xml.ts'

export interface OpenBody {
  body: ReadableStream<Uint8Array> | Uint8Array
  size: number
  digests: Digests
}

/** The body of a request and what is announced about it. */
export function openBody({ body, headers }: Request, payload: Payload): OpenBody {
  if (payload.kind === 'chunked') throw new S3ApiError('NotImplemented', 'aws-chunked is not supported')
  const length = headers.get('Content-Length')
  if (body && length === null) throw new S3ApiError('MissingContentLength', 'Content-Length is required')
  const sha256 = payload.kind === 'sha256' && { sha256: payload.sha256 }
  return {
    body: body ?? new Uint8Array(),
    size: Number(length),
    digests: { ...headerDigests(headers), ...sha256 },
  }
}

/** The root of a body that is XML. */
export async function readXmlBody(request: Request, payload: Payload, maxBytes: number): Promise<XmlElement> {
  const { size, body } = openBody(request, payload)
  if (size > maxBytes) throw new S3ApiError('EntityTooLarge', `the body is longer than ${maxBytes} bytes`)
  const root = parseDocument(await new Response(body).text())
  if (!root) throw new S3ApiError('MalformedXML', 'the body is not well-formed XML')
  return root
}
