import { StorageError } from '../storage/errors.ts'
import type { Digests } from '../storage/object.ts'

const BYTES = { md5: 16, sha1: 20, sha256: 32, sha512: 64, crc32: 4, crc32c: 4 } as const
type Algorithm = keyof typeof BYTES

const SUPPORTED = Object.keys(BYTES).join(', ')
const CHECKSUM_PREFIX = 'x-amz-checksum-'
/** They describe checksums and hold none. */
const NOT_CHECKSUMS = new Set(['algorithm', 'mode', 'type'])
/** RFC 9530's names. */
const DIGEST_FIELD_NAMES: Record<string, Algorithm> = {
  'sha-256': 'sha256',
  'sha-512': 'sha512',
  sha: 'sha1',
  md5: 'md5',
  crc32c: 'crc32c',
}
const DIGEST_MEMBER = /^([a-z*][a-z0-9_\-.*]*)=:([A-Za-z0-9+/]*={0,2}):(?:;.*)?$/

/**
 * The digests that a client announces for its upload: Content-MD5, `x-amz-checksum-*`, Repr-Digest, Content-Digest.
 * Throws `invalid` for what is malformed, contradictory or not supported: a requested check is never left out.
 */
export function requestDigests(headers: Headers): Digests {
  if (/\baws-chunked\b/i.test(headers.get('Content-Encoding') ?? '') || headers.has('x-amz-trailer'))
    throw invalid(
      'aws-chunked bodies and trailing checksums are not supported: send the checksum as a header',
    )
  const digests: Digests = {}
  const contentMd5 = headers.get('Content-MD5')
  if (contentMd5 !== null) add(digests, 'md5', { base64: contentMd5, header: 'Content-MD5' })
  for (const [header, base64] of headers) {
    if (!header.startsWith(CHECKSUM_PREFIX)) continue
    const name = header.slice(CHECKSUM_PREFIX.length)
    if (NOT_CHECKSUMS.has(name)) continue
    if (!isAlgorithm(name)) throw invalid(`${header} is not supported; supported are ${SUPPORTED}`)
    add(digests, name, { base64, header })
  }
  addDigestField(digests, 'Repr-Digest', headers.get('Repr-Digest'))
  addDigestField(digests, 'Content-Digest', headers.get('Content-Digest'))
  return digests
}

/** The digests of a whole object in another server's response. Malformed ones are left out. */
export function responseDigests(headers: Headers): Digests {
  const digests: Digests = {}
  const isPart = headers.has('Content-Range')
  const claims: [Algorithm, string | null][] = [
    ['md5', isPart ? null : headers.get('Content-MD5')],
    // Composite checksums of multipart uploads end in `-<parts>` and decode to no digest of the bytes.
    ['sha1', headers.get('x-amz-checksum-sha1')],
    ['sha256', headers.get('x-amz-checksum-sha256')],
    ['crc32', headers.get('x-amz-checksum-crc32')],
    ['crc32c', headers.get('x-amz-checksum-crc32c')],
  ]
  for (const [name, base64] of digestMembers(headers.get('Repr-Digest')) ?? []) {
    const algorithm = DIGEST_FIELD_NAMES[name]
    if (algorithm) claims.push([algorithm, base64])
  }
  for (const [algorithm, base64] of claims) {
    const hex = base64 === null ? undefined : toHex(base64, BYTES[algorithm])
    if (hex !== undefined) digests[algorithm] ??= hex
  }
  return digests
}

/** A digest field with at least one algorithm that we know; RFC 9530 lets the others be ignored. */
function addDigestField(digests: Digests, header: string, value: string | null): void {
  if (value === null) return
  const members = digestMembers(value)
  if (!members) throw invalid(`${header} is malformed`)
  const known = members.filter(([name]) => Object.hasOwn(DIGEST_FIELD_NAMES, name))
  if (known.length === 0) {
    throw invalid(
      `${header} has no supported algorithm; supported are ${Object.keys(DIGEST_FIELD_NAMES).join(', ')}`,
    )
  }
  for (const [name, base64] of known) {
    const algorithm = DIGEST_FIELD_NAMES[name]
    if (algorithm) add(digests, algorithm, { base64, header })
  }
}

/** The members of a dictionary of byte sequences (RFC 9651 §3.2); `null` when it is malformed. */
function digestMembers(value: string | null): [name: string, base64: string][] | null {
  const members: [string, string][] = []
  for (const part of (value ?? '').split(',')) {
    const match = DIGEST_MEMBER.exec(part.trim())
    if (!match) return null
    members.push([match[1] ?? '', match[2] ?? ''])
  }
  return members
}

function add(digests: Digests, algorithm: Algorithm, from: { base64: string; header: string }): void {
  const hex = toHex(from.base64, BYTES[algorithm])
  if (hex === undefined)
    throw invalid(
      `${from.header} is not the base64 of the ${BYTES[algorithm]} bytes of a ${algorithm} digest`,
    )
  if (digests[algorithm] !== undefined && digests[algorithm] !== hex)
    throw invalid(`${from.header} contradicts another header's ${algorithm} digest`)
  digests[algorithm] = hex
}

function toHex(base64: string, length: number): string | undefined {
  try {
    const binary = atob(base64)
    if (binary.length !== length) return undefined
    return Array.from(binary, (byte) => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('')
  } catch {
    return undefined
  }
}

function isAlgorithm(name: string): name is Algorithm {
  return Object.hasOwn(BYTES, name)
}

function invalid(why: string): StorageError {
  return new StorageError('invalid', why)
}
