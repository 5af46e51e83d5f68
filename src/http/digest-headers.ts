import { StorageError } from '../storage/errors.ts'
import type { Digests } from '../storage/object.ts'

const BYTES = { md5: 16, sha1: 20, sha256: 32, sha512: 64, crc32: 4, crc32c: 4, crc64nvme: 8 } as const
type Algorithm = keyof typeof BYTES

export const ALGORITHMS = Object.keys(BYTES)

export const CHECKSUM_PREFIX = 'x-amz-checksum-'
/** Composite checksums of multipart uploads end in `-<parts>`, so they are not base64. */
const CHECKSUMS = [
  ['md5', 'Content-MD5'],
  ['sha1', `${CHECKSUM_PREFIX}sha1`],
  ['sha256', `${CHECKSUM_PREFIX}sha256`],
  ['crc32', `${CHECKSUM_PREFIX}crc32`],
  ['crc32c', `${CHECKSUM_PREFIX}crc32c`],
  ['crc64nvme', `${CHECKSUM_PREFIX}crc64nvme`],
] as const
/** Headers with this prefix that describe a checksum and contain none. */
const NOT_CHECKSUMS = ['algorithm', 'mode', 'type']
/** The algorithms of Repr-Digest and Content-Digest (RFC 9530). */
const DIGEST_FIELD_NAMES: Readonly<Record<string, Algorithm>> = {
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  sha: 'sha1',
  md5: 'md5',
  crc32c: 'crc32c',
}
const DIGEST_MEMBER = /^([a-z*][a-z0-9_\-.*]*)=:([A-Za-z0-9+/]*={0,2}):(?:;.*)?$/

/** The digests of a whole body that is sent as it is. Throws `invalid` for the framing of S3 clients, which would be stored. */
export function requestDigests(headers: Headers): Digests {
  if (/\baws-chunked\b/i.test(headers.get('Content-Encoding') ?? '') || headers.has('x-amz-trailer'))
    throw invalid(
      'aws-chunked bodies and trailing checksums are not supported: send the checksum as a header',
    )
  return headerDigests(headers)
}

/**
 * The digests that a client sends in the headers of its upload: Content-MD5, `x-amz-checksum-*`, Repr-Digest, Content-Digest.
 * Throws `invalid` if one is malformed, contradictory or not supported: a requested check is never skipped.
 */
export function headerDigests(headers: Headers): Digests {
  const digests: Digests = {}
  const add = (header: string, algorithm: Algorithm, base64: string): void => {
    const hex = toHex(base64, algorithm)
    if (hex === undefined)
      throw invalid(`${header} is not the base64 of the ${BYTES[algorithm]} bytes of a ${algorithm} digest`)
    if ((digests[algorithm] ?? hex) !== hex)
      throw invalid(`${header} contradicts another header's ${algorithm} digest`)
    digests[algorithm] = hex
  }
  const contentMd5 = headers.get('Content-MD5')
  if (contentMd5 !== null) add('Content-MD5', 'md5', contentMd5)
  for (const [header, base64] of headers) {
    if (!header.startsWith(CHECKSUM_PREFIX)) continue
    const name = header.slice(CHECKSUM_PREFIX.length)
    if (NOT_CHECKSUMS.includes(name)) continue
    if (!isAlgorithm(name))
      throw invalid(`${header} is not supported; supported are ${ALGORITHMS.join(', ')}`)
    add(header, name, base64)
  }
  for (const header of ['Repr-Digest', 'Content-Digest']) {
    const value = headers.get(header)
    if (value === null) continue
    const members = digestMembers(value)
    if (!members) throw invalid(`${header} is malformed`)
    if (members.length === 0) {
      const supported = Object.keys(DIGEST_FIELD_NAMES).join(', ')
      throw invalid(`${header} has no supported algorithm; supported are ${supported}`)
    }
    for (const [algorithm, base64] of members) add(header, algorithm, base64)
  }
  return digests
}

/** The digests of a whole object in another server's response, if there are any. Malformed ones are left out. */
export function responseDigests(headers: Headers): Digests | undefined {
  let digests: Digests | undefined
  const add = (algorithm: Algorithm, base64: string): void => {
    const hex = toHex(base64, algorithm)
    if (hex === undefined) return
    digests ??= {}
    digests[algorithm] ??= hex
  }
  for (const [algorithm, header] of CHECKSUMS) {
    const base64 = headers.get(header)
    // The MD5 in the response to a range is that of the range.
    if (base64 !== null && (algorithm !== 'md5' || !headers.has('Content-Range'))) add(algorithm, base64)
  }
  const dictionary = headers.get('Repr-Digest')
  if (dictionary !== null)
    for (const [algorithm, base64] of digestMembers(dictionary) ?? []) add(algorithm, base64)
  return digests
}

/**
 * The members of a dictionary of byte sequences (RFC 9651 §3.2) whose algorithms are supported; RFC 9530 lets the others
 * be ignored. `null` if the dictionary is malformed.
 */
function digestMembers(value: string): [Algorithm, base64: string][] | null {
  const members = value.split(',').map((member) => DIGEST_MEMBER.exec(member.trim()))
  if (members.includes(null)) return null
  return members.flatMap((match) => {
    const [, name = '', base64 = ''] = match ?? []
    const algorithm = Object.hasOwn(DIGEST_FIELD_NAMES, name) ? DIGEST_FIELD_NAMES[name] : undefined
    return algorithm ? [[algorithm, base64]] : []
  })
}

function toHex(base64: string, algorithm: Algorithm): string | undefined {
  try {
    const bytes = Uint8Array.fromBase64(base64)
    return bytes.length === BYTES[algorithm] ? bytes.toHex() : undefined
  } catch {
    return undefined
  }
}

/** The algorithm of a header or trailer `x-amz-checksum-*`; `undefined` if it is another one, or not supported. */
export function checksumAlgorithm(header: string): Algorithm | undefined {
  const name = header.slice(CHECKSUM_PREFIX.length)
  return header.startsWith(CHECKSUM_PREFIX) && isAlgorithm(name) ? name : undefined
}

function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(BYTES, name)
}

function invalid(why: string): StorageError {
  return new StorageError('invalid', why)
}
