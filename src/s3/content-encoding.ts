/** An object's own Content-Encoding: without `aws-chunked`, which is how its upload was framed. */
export function ownEncoding(header: string | null | undefined): string | undefined {
  const codings = (header ?? '').split(',').map((coding) => coding.trim())
  return codings.filter((coding) => !/^(?:aws-chunked|identity|)$/i.test(coding)).join(', ') || undefined
}
