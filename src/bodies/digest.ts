import { StorageError } from '../storage/errors.ts'
import type { Digests } from '../storage/object.ts'

export type DigestName = keyof Digests

interface Hash {
  update(chunk: Uint8Array): Promise<void>
  finish(): Promise<string>
}

const STREAMED = { md5: 'MD5', sha1: 'SHA-1', sha256: 'SHA-256', sha512: 'SHA-512' } as const
/** From the reflected polynomials of CRC-32 (zip, PNG), CRC-32C (Castagnoli) and CRC-64/NVME. */
const POLYNOMIALS = {
  crc32: [0xedb88320],
  crc32c: [0x82f63b78],
  crc64nvme: [0xac4bc9b5, 0x9a6c9329],
} as const
type Crc = keyof typeof POLYNOMIALS
/** Computed when they are first needed: all of them would make every cold start longer by 8 ms. */
const tables = new Map<Crc, ReturnType<typeof crcTables>>()

/** Checks the given digests of `bytes`; throws `corrupt` if one differs. */
export async function checkDigests(bytes: Uint8Array, expected: Digests): Promise<void> {
  const check = startCheck(expected)
  await check.update(bytes)
  await check.finish()
}

export interface DigestCheck {
  update(chunk: Uint8Array): Promise<unknown>
  /** Throws `corrupt` if a digest differs. */
  finish(): Promise<void>
}

/** The same for bytes that arrive in chunks. */
export function startCheck(expected: Digests): DigestCheck {
  const hashes = (Object.keys(expected) as DigestName[]).map((name) => ({ name, hash: startHash(name) }))
  return {
    update: (chunk) => Promise.all(hashes.map(({ hash }) => hash.update(chunk))),
    async finish() {
      for (const { name, hash } of hashes) {
        if ((await hash.finish()) !== expected[name]?.toLowerCase())
          throw new StorageError('corrupt', `the ${name} digest of the bytes is not the announced one`, {
            about: name === 'sha256' ? name : 'digest',
          })
      }
    },
  }
}

/**
 * Passes bytes on and fails at the end if a digest differs. The last chunk is held back until then,
 * since a receiver that knows the length considers the object complete as soon as it has every byte.
 */
export function verifyingStream(expected: Digests): TransformStream<Uint8Array, Uint8Array> {
  const check = startCheck(expected)
  let held: Uint8Array | undefined
  return new TransformStream<Uint8Array, Uint8Array>({
    async transform(chunk, controller) {
      if (chunk.length === 0) return
      await check.update(chunk)
      if (held) controller.enqueue(held)
      held = chunk
    },
    async flush(controller) {
      await check.finish()
      if (held) controller.enqueue(held)
    },
  })
}

/** Computes one digest of bytes that arrive in chunks. */
export function startHash(name: DigestName): Hash {
  return name in STREAMED
    ? streamedHash(STREAMED[name as keyof typeof STREAMED])
    : crcHash(tablesOf(name as Crc))
}

function streamedHash(algorithm: string): Hash {
  const stream = new crypto.DigestStream(algorithm)
  const writer = stream.getWriter()
  return {
    update: (chunk) => writer.write(chunk),
    async finish() {
      await writer.close()
      return new Uint8Array(await stream.digest).toHex()
    },
  }
}

/** One 32-bit half of a CRC's tables: the entry for each byte, followed by that for the byte and one, two … seven zeros. */
type CrcTable = Int32Array

/** Eight bytes at a time ("slicing by 8"), which runs almost three times as fast as one by one. */
function crcHash([low, high]: readonly [low: CrcTable, high: CrcTable | null]): Hash {
  let state = { lower: -1, upper: high ? -1 : 0 }
  return {
    async update(chunk) {
      const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
      // Local variables: what closures share is slower.
      let { lower, upper } = state
      let at = 0
      for (; at + 8 <= chunk.length; at += 8) {
        const first = lower ^ view.getInt32(at, true)
        const second = upper ^ view.getInt32(at + 4, true)
        lower = lookUp(low, first, second)
        if (high) upper = lookUp(high, first, second)
      }
      for (; at < chunk.length; at++) {
        const index = (lower ^ (chunk[at] ?? 0)) & 0xff
        lower = ((lower >>> 8) | (upper << 24)) ^ (low[index] ?? 0)
        if (high) upper = (upper >>> 8) ^ (high[index] ?? 0)
      }
      state = { lower, upper }
    },
    async finish() {
      return (high ? toHex(~state.upper) : '') + toHex(~state.lower)
    },
  }
}

function lookUp(table: CrcTable, first: number, second: number): number {
  return (
    (table[0x700 | (first & 0xff)] ?? 0) ^
    (table[0x600 | ((first >>> 8) & 0xff)] ?? 0) ^
    (table[0x500 | ((first >>> 16) & 0xff)] ?? 0) ^
    (table[0x400 | (first >>> 24)] ?? 0) ^
    (table[0x300 | (second & 0xff)] ?? 0) ^
    (table[0x200 | ((second >>> 8) & 0xff)] ?? 0) ^
    (table[0x100 | ((second >>> 16) & 0xff)] ?? 0) ^
    (table[second >>> 24] ?? 0)
  )
}

function tablesOf(crc: Crc): ReturnType<typeof crcTables> {
  const known = tables.get(crc) ?? crcTables(POLYNOMIALS[crc])
  tables.set(crc, known)
  return known
}

function crcTables([lowPolynomial, highPolynomial = 0]: readonly [low: number, high?: number]): [
  low: CrcTable,
  high: CrcTable | null,
] {
  const low = new Int32Array(8 * 256)
  const high = new Int32Array(8 * 256)
  for (let index = 0; index < low.length; index++) {
    const before = index - 256
    let lower = before < 0 ? index : (low[before] ?? 0)
    let upper = before < 0 ? 0 : (high[before] ?? 0)
    for (let bit = 0; bit < 8; bit++) {
      const isOdd = lower & 1
      lower = ((lower >>> 1) | (upper << 31)) ^ (isOdd ? lowPolynomial : 0)
      upper = (upper >>> 1) ^ (isOdd ? highPolynomial : 0)
    }
    low[index] = lower
    high[index] = upper
  }
  return [low, highPolynomial === 0 ? null : high]
}

function toHex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0')
}
