import { encodeComponent } from '../storage/name.ts'
import { decodeComponent, type RawParameter } from './query.ts'
import type { Signature } from './signature.ts'

/** What a signature is about. */
export interface Signed {
  method: string
  /** Raw paths that the client may have signed, the likeliest first. */
  paths: readonly string[]
  query: readonly RawParameter[]
  headers: Headers
  /** The client's Accept-Encoding, where a proxy has replaced the header. */
  acceptEncoding: string | undefined
}

/**
 * The canonical requests that the client may have signed, the likeliest first (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
 * They differ only in how the same values are written, so it is safe to accept any of them: paths as sent or encoded anew,
 * repeated headers joined with or without a blank.
 */
export function* canonicalRequests(signed: Signed, signature: Signature): Generator<string> {
  const { method, paths, query, headers } = signed
  const { signedHeaders, payloadHash } = signature
  const isPresigned = signature.expires !== undefined
  const canonical = canonicalQuery(query, isPresigned)
  const lines = signedHeaders.map((name) => `${name}:${canonicalHeader(signed, name)}\n`)
  const blocks = [lines.join('')]
  if (signedHeaders.some((name) => headers.get(name)?.includes(', ')))
    blocks.push(lines.map((line) => line.replaceAll(', ', ',')).join(''))
  for (const path of spellings(paths))
    for (const block of blocks)
      yield `${method}\n${path}\n${canonical}\n${block}\n${signedHeaders.join(';')}\n${payloadHash}`
}

/** Each path as sent and, if that is different, encoded anew. */
function* spellings(paths: readonly string[]): Generator<string> {
  for (const raw of paths) {
    yield raw
    const anew = raw.split('/').map(decodeComponent).map(encodeComponent).join('/')
    if (anew !== raw) yield anew
  }
}

function canonicalQuery(query: readonly RawParameter[], isPresigned: boolean): string {
  const recode = (text: string): string => encodeComponent(decodeComponent(text))
  return query
    .map(([name, value]) => [recode(name), recode(value)] as const)
    .filter(([name]) => !isPresigned || name !== 'X-Amz-Signature')
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function canonicalHeader({ headers, acceptEncoding }: Signed, name: string): string {
  const value = (name === 'accept-encoding' ? acceptEncoding : undefined) ?? headers.get(name) ?? ''
  return value.trim().replace(/ {2,}/g, ' ')
}
