import { parseDocument, type XmlElement } from './xml.ts'
import { S3ApiError } from './errors.ts'
import type { Payload } from './verify.ts'
import { requestDigests } from '../http/digest-headers.ts'
export function openBody(request: Request, payload: Payload) {
  const length = request.headers.get('Content-Length')
  return {
    body: request.body ?? new Uint8Array(),
    size: length === null ? 0 : Number(length),
    digests: {
      ...requestDigests(request.headers),
      ...(payload.kind === 'sha256' && { sha256: payload.sha256 }),
    },
  }
}
export async function readXmlBody(request: Request, payload: Payload, maxBytes: number): Promise<XmlElement> {
  const root = parseDocument(await request.text())
  if (!root) throw new S3ApiError('MalformedXML', 'no')
  return root
}
