import { describe, expect, it } from 'vitest'
import { requestDigests, responseDigests } from '../../src/http/digest-headers.ts'
import { StorageError } from '../../src/storage/errors.ts'

// Of the 11 bytes `hello world`, by coreutils and rhash.
const MD5 = { base64: 'XrY7u+Ae7tCTyyK7j1rNww==', hex: '5eb63bbbe01eeed093cb22bb8f5acdc3' }
const SHA1 = { base64: 'Kq5sNclPz7QV2+lfQIuc6R7oRu0=', hex: '2aae6c35c94fcfb415dbe95f408b9ce91ee846ed' }
const SHA256 = {
  base64: 'uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=',
  hex: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
}
const CRC32 = { base64: 'DUoRhQ==', hex: '0d4a1185' }
const CRC32C = { base64: 'yZRlqg==', hex: 'c99465aa' }
const CRC64 = { base64: 'jSnVw/bqjr4=', hex: '8d29d5c3f6ea8ebe' }

describe('requestDigests()', () => {
  it.each<[Record<string, string>, object]>([
    [{}, {}],
    [{ 'Content-MD5': MD5.base64 }, { md5: MD5.hex }],
    [{ 'x-amz-checksum-sha1': SHA1.base64 }, { sha1: SHA1.hex }],
    [{ 'X-Amz-Checksum-SHA256': SHA256.base64 }, { sha256: SHA256.hex }],
    [{ 'x-amz-checksum-crc32': CRC32.base64 }, { crc32: CRC32.hex }],
    [{ 'x-amz-checksum-crc32c': CRC32C.base64 }, { crc32c: CRC32C.hex }],
    [{ 'x-amz-checksum-crc64nvme': CRC64.base64 }, { crc64nvme: CRC64.hex }],
    [{ 'x-amz-checksum-md5': MD5.base64 }, { md5: MD5.hex }],
    [{ 'x-amz-checksum-algorithm': 'CRC64NVME', 'x-amz-checksum-type': 'FULL_OBJECT' }, {}],
    [{ 'x-amz-sdk-checksum-algorithm': 'SHA256' }, {}],
    [{ 'Repr-Digest': `sha-256=:${SHA256.base64}:` }, { sha256: SHA256.hex }],
    [{ 'Content-Digest': `sha-256=:${SHA256.base64}:;x=y` }, { sha256: SHA256.hex }],
    [{ 'Repr-Digest': `md5=:${MD5.base64}:,sha=:${SHA1.base64}:` }, { md5: MD5.hex, sha1: SHA1.hex }],
    [{ 'Repr-Digest': `sha-256=:${SHA256.base64}:, sha3-512=:AAAA:` }, { sha256: SHA256.hex }],
    [{ 'Repr-Digest': `crc32c=:${CRC32C.base64}:` }, { crc32c: CRC32C.hex }],
    [
      { 'Content-MD5': MD5.base64, 'x-amz-checksum-md5': MD5.base64, 'x-amz-checksum-sha1': SHA1.base64 },
      { md5: MD5.hex, sha1: SHA1.hex },
    ],
  ])('reads %o', (headers, digests) => {
    expect(requestDigests(new Headers(headers))).toEqual(digests)
  })

  it.each<[Record<string, string>, RegExp]>([
    [{ 'Content-MD5': 'rubbish!' }, /Content-MD5 is not the base64 of the 16 bytes/],
    [{ 'Content-MD5': '' }, /Content-MD5/],
    [{ 'Content-MD5': MD5.hex }, /Content-MD5 is not the base64/],
    [{ 'Content-MD5': SHA1.base64 }, /16 bytes of a md5/],
    [{ 'x-amz-checksum-sha256': MD5.base64 }, /x-amz-checksum-sha256 is not the base64 of the 32 bytes/],
    [
      { 'x-amz-checksum-xxhash64': CRC64.base64 },
      /supported are md5, sha1, sha256, sha512, crc32, crc32c, crc64nvme$/,
    ],
    [{ 'x-amz-checksum-constructor': CRC64.base64 }, /x-amz-checksum-constructor is not supported/],
    [{ 'Repr-Digest': 'sha-256=abc' }, /Repr-Digest is malformed/],
    [{ 'Repr-Digest': '' }, /Repr-Digest is malformed/],
    [{ 'Repr-Digest': 'sha-256=:AAAA:' }, /Repr-Digest is not the base64 of the 32 bytes/],
    [
      { 'Content-Digest': 'sha3-512=:AAAA:' },
      /Content-Digest has no supported algorithm; supported are sha-256/,
    ],
    [{ 'Repr-Digest': 'constructor=:AAAA:' }, /no supported algorithm/],
    [{ 'Content-MD5': MD5.base64, 'x-amz-checksum-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }, /contradicts/],
    [{ 'Content-Encoding': 'aws-chunked' }, /aws-chunked/],
    [{ 'Content-Encoding': 'gzip, AWS-chunked' }, /aws-chunked/],
    [{ 'x-amz-trailer': 'x-amz-checksum-crc32' }, /trailing checksums/],
  ])('refuses %o', (headers, message) => {
    const read = () => requestDigests(new Headers(headers))
    expect(read).toThrow(StorageError)
    expect(read).toThrow(
      expect.objectContaining({ code: 'invalid', message: expect.stringMatching(message) }),
    )
  })
})

describe('responseDigests()', () => {
  it('reads the algorithms that it supports and ignores the rest', () => {
    const headers = new Headers({
      'Content-MD5': MD5.base64,
      'x-amz-checksum-sha1': `${SHA1.base64}-3`,
      'x-amz-checksum-sha256': SHA256.base64,
      'x-amz-checksum-crc64nvme': CRC64.base64,
      'Repr-Digest': `crc32c=:${CRC32C.base64}:, unheard-of=:AAAA:`,
    })
    expect(responseDigests(headers)).toEqual({
      md5: MD5.hex,
      sha256: SHA256.hex,
      crc32c: CRC32C.hex,
      crc64nvme: CRC64.hex,
    })
    expect(responseDigests(new Headers({ 'Repr-Digest': 'rubbish' }))).toBeUndefined()
  })
})
