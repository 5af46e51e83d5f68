import { createChunkReader } from '../bodies/chunks.ts'
import { checkDigests } from '../bodies/digest.ts'
import { withDocument } from '../bodies/document.ts'
import { ALGORITHMS, CHECKSUM_PREFIX, checksumAlgorithm, headerDigests } from '../http/digest-headers.ts'
import { StorageError } from '../storage/errors.ts'
import type { Digests } from '../storage/object.ts'
import { decodeChunks, type Trailer } from './aws-chunked.ts'
import { S3ApiError } from './errors.ts'
import type { Payload } from './verify.ts'
import { parseDocument, type XmlElement } from './xml.ts'

/** A body to store, and what its bytes must be. It fails at its end if they are not. */
export interface OpenBody {
  body: ReadableStream<Uint8Array> | Uint8Array
  size: number
  digests: Digests
}

const TRAILER = 'x-amz-trailer'
// No client declares entities, and other servers' answers may hold characters that XML cannot, but requests may not.
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const UNWANTED = /<!DOCTYPE|[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/

/** The body of a request without its framing. Throws where its length is unknown, since nothing could be stored completely. */
export async function openBody({ body, headers }: Request, payload: Payload): Promise<OpenBody> {
  const digests = announcedDigests(headers)
  const trailer = payload.kind === 'chunked' && payload.hasTrailer ? trailerOf(headers) : null
  if (!trailer && headers.has(TRAILER))
    throw new S3ApiError('InvalidRequest', `${TRAILER} needs an x-amz-content-sha256 that ends in -TRAILER`)
  if (payload.kind !== 'chunked') {
    if (payload.kind === 'sha256' && digests.sha256 !== undefined && digests.sha256 !== payload.sha256)
      throw new S3ApiError('BadDigest', 'x-amz-checksum-sha256 and the signed hash of the body are different')
    const size = body ? lengthFrom(headers, 'Content-Length') : 0
    return {
      body: body ?? new Uint8Array(),
      size,
      digests: payload.kind === 'sha256' ? { ...digests, sha256: payload.sha256 } : digests,
    }
  }
  const size = lengthFrom(headers, 'x-amz-decoded-content-length')
  if (trailer && digests[trailer.algorithm] !== undefined)
    throw new S3ApiError('InvalidRequest', `${trailer.header} must be either a header or a trailer`)
  const decoded = (body ?? new Blob([]).stream()).pipeThrough(
    decodeChunks({ size, signer: payload.signer, trailer }),
  )
  // Without a last byte to hold back, everything must be checked before anything is stored.
  if (size === 0) return { body: await createChunkReader(decoded).next(1), size, digests }
  return { body: decoded, size, digests }
}

/** The request without checksums: those of CompleteMultipartUpload are about the object, not about the document that it sends. */
export function withoutChecksums(request: Request): Request {
  const headers = new Headers(request.headers)
  for (const name of request.headers.keys()) if (name.startsWith(CHECKSUM_PREFIX)) headers.delete(name)
  return new Request(request, { headers })
}

/** The digests that a client sends in headers. */
export function announcedDigests(headers: Headers): Digests {
  try {
    return headerDigests(headers)
  } catch (error) {
    if (!(error instanceof StorageError)) throw error
    const code = error.message.startsWith('Content-MD5') ? 'InvalidDigest' : 'InvalidRequest'
    throw new S3ApiError(code, error.message, { cause: error })
  }
}

/** Runs `use` with the root of a body that is XML, once its digests and signatures are checked. */
export async function withXmlBody<Result>(
  request: Request,
  payload: Payload,
  { maxBytes, use }: { maxBytes: number; use: (root: XmlElement) => Promise<Result> },
): Promise<Result> {
  const { body, size, digests } = await openBody(request, payload)
  if (body instanceof Uint8Array) return use(await parseBody(body, digests))
  const tooLarge = () => new S3ApiError('EntityTooLarge', `this document may have ${maxBytes} bytes at most`)
  return withDocument(body, { size, maxBytes, tooLarge }, async (bytes) =>
    use(await parseBody(bytes, digests)),
  )
}

async function parseBody(bytes: Uint8Array, digests: Digests): Promise<XmlElement> {
  await checkDigests(bytes, digests)
  const text = decodeUtf8(bytes)
  const root = UNWANTED.test(text) ? undefined : parseDocument(text)
  if (!root) throw malformedXml()
  return root
}

function malformedXml(): S3ApiError {
  return new S3ApiError('MalformedXML', 'the body is not the XML document that this operation needs')
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes)
  } catch {
    throw malformedXml()
  }
}

function lengthFrom(headers: Headers, name: string): number {
  const value = headers.get(name)
  if (value === null) throw new S3ApiError('MissingContentLength', `the header ${name} is missing`)
  if (!/^\d{1,15}$/.test(value)) throw new S3ApiError('InvalidArgument', `${name} is not a number of bytes`)
  return Number(value)
}

function trailerOf(headers: Headers): Trailer {
  const header = headers.get(TRAILER)?.trim().toLowerCase() ?? ''
  const algorithm = checksumAlgorithm(header)
  if (algorithm) return { header, algorithm }
  const supported = ALGORITHMS.map((name) => CHECKSUM_PREFIX + name).join(', ')
  throw new S3ApiError('InvalidRequest', `${TRAILER} must name one checksum; supported are ${supported}`)
}
