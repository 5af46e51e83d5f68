import { StorageError } from '../storage/errors.ts'
import type { Digests } from '../storage/object.ts'

export type DigestName = keyof Digests

interface Hash {
  update(chunk: Uint8Array): Promise<void>
  finish(): Promise<string>
}

const STREAMED = { md5: 'MD5', sha1: 'SHA-1', sha256: 'SHA-256', sha512: 'SHA-512' } as const
/** From the reversed polynomials of CRC-32 (zip, PNG) and CRC-32C (Castagnoli). */
const CRC_TABLES = { crc32: crcTable(0xedb88320), crc32c: crcTable(0x82f63b78) }

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
          throw new StorageError('corrupt', `the ${name} digest of the bytes is not the announced one`)
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

function startHash(name: DigestName): Hash {
  return name === 'crc32' || name === 'crc32c' ? crcHash(CRC_TABLES[name]) : streamedHash(STREAMED[name])
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

function crcHash(table: Uint32Array): Hash {
  let crc = 0xffffffff
  return {
    async update(chunk) {
      for (const byte of chunk) crc = (table[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)
    },
    async finish() {
      return ((crc ^ 0xffffffff) >>> 0).toString(16).padStart(8, '0')
    },
  }
}

function crcTable(polynomial: number): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1
    return value
  })
}
