import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkDigests, startCheck } from '../../src/bodies/digest.ts'
import type { Digests } from '../../src/storage/object.ts'

/** Of the nine digits: the check values of the CRC catalogue (reveng.sourceforge.io), and RFC 1321, NIST and coreutils. */
const CHECK_VALUES: Digests = {
  crc32: 'cbf43926',
  crc32c: 'e3069283',
  crc64nvme: 'ae8b14860a799888',
  md5: '25f9e794323b453885f5181f1b624d0b',
  sha1: 'f7c3bc1d808e04732adf679965ccc34ca7ae3441',
  sha256: '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
}
const DIGITS = new TextEncoder().encode('123456789')

/** One bit at a time, as the algorithms are defined. */
const CRCS = {
  crc32: { polynomial: 0xedb88320n, bits: 32n },
  crc32c: { polynomial: 0x82f63b78n, bits: 32n },
  crc64nvme: { polynomial: 0x9a6c9329ac4bc9b5n, bits: 64n },
}
type CrcName = keyof typeof CRCS

function crcByBits(name: CrcName, bytes: Uint8Array): string {
  const { polynomial, bits } = CRCS[name]
  const ones = (1n << bits) - 1n
  let crc = ones
  for (const byte of bytes) {
    crc ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ polynomial : crc >> 1n
  }
  return (crc ^ ones).toString(16).padStart(Number(bits) / 4, '0')
}

describe('digests', () => {
  it.each(Object.entries(CHECK_VALUES))('computes %s as published', async (name, value) => {
    await expect(checkDigests(DIGITS, { [name]: value })).resolves.toBeUndefined()
    await expect(checkDigests(DIGITS.subarray(1), { [name]: value })).rejects.toMatchObject({
      code: 'corrupt',
    })
  })

  it.each(Object.keys(CRCS) as CrcName[])('computes %s of any bytes in any chunks', async (name) => {
    const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 })
    const property = fc.asyncProperty(chunks, async (parts) => {
      const whole = new Uint8Array(parts.flatMap((part) => [...part]))
      const check = startCheck({ [name]: crcByBits(name, whole) })
      for (const part of parts) await check.update(part)
      await check.finish()
    })
    await expect(fc.assert(property, { numRuns: 200 })).resolves.toBeUndefined()
  })

  it('computes a CRC of a view that begins in the middle of its buffer', async () => {
    const view = new Uint8Array([0, 0, 0, ...DIGITS, ...DIGITS]).subarray(3)
    await expect(checkDigests(view, { crc32: crcByBits('crc32', view) })).resolves.toBeUndefined()
  })
})
