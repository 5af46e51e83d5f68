import { S3ApiError } from './errors.ts'

/** Of the signature itself. */
const AUTHENTICATION =
  /^x-amz-(?:algorithm|credential|date|expires|signedheaders|signature|content-sha256|security-token)$/
/** Presigners compute it of an empty body (AWS SDK for JavaScript), so no upload would match it. */
const CHECKSUM = /^x-amz-(?:sdk-)?checksum-/

/** A presigned request with the `x-amz-*` headers that presigners put into the query, where the signature covers them. */
export function withHoistedHeaders(request: Request, query: ReadonlyMap<string, string>): Request {
  if (!query.has('X-Amz-Signature')) return request
  const headers = new Headers(request.headers)
  let found = false
  for (const [parameter, value] of query) {
    const name = parameter.toLowerCase()
    if (!name.startsWith('x-amz-') || AUTHENTICATION.test(name) || CHECKSUM.test(name)) continue
    try {
      if (headers.has(name)) continue
      headers.set(name, value)
    } catch (cause) {
      throw new S3ApiError('InvalidArgument', 'a parameter that stands for a header cannot be one', { cause })
    }
    found = true
  }
  return found ? new Request(request, { headers }) : request
}
