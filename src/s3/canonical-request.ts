import { S3ApiError } from './errors.ts'
import { rawQuery } from './query.ts'

/** `encodeURIComponent` as AWS wants it (RFC 3986). */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

function reencode(text: string): string {
  try {
    return encode(decodeURIComponent(text))
  } catch (cause) {
    throw new S3ApiError('InvalidURI', 'the URL contains a percent escape that is not UTF-8', { cause })
  }
}

/** The path as some clients sign it: each segment encoded anew. */
export function reencodedPath(path: string): string {
  return path.split('/').map(reencode).join('/')
}

/** The query, encoded anew and sorted by name, then value. */
export function canonicalQuery(url: string, { plusIsSpace }: { plusIsSpace: boolean }): string {
  const read = (text: string): string => reencode(plusIsSpace ? text.replaceAll('+', ' ') : text)
  return rawQuery(url)
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [read(name), read(value)] as const)
    .toSorted(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

/** The signed headers, a line each. */
export function canonicalHeaders(
  request: Request,
  names: readonly string[],
  { joinTightly }: { joinTightly: boolean },
): string {
  return names
    .map((name) => {
      const value = headerAsSent(request, name).trim().replace(/ +/g, ' ')
      return `${name}:${joinTightly ? value.replaceAll(', ', ',') : value}\n`
    })
    .join('')
}

/** Cloudflare replaces Accept-Encoding, and keeps what the client sent. */
function headerAsSent({ headers, cf }: Request, name: string): string {
  const original = name === 'accept-encoding' ? cf?.clientAcceptEncoding : undefined
  return typeof original === 'string' && original !== '' ? original : (headers.get(name) ?? '')
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
