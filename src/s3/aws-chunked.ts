import { type DigestName, startHash } from '../bodies/digest.ts'
import { S3ApiError } from './errors.ts'
import { sha256Hex, signatureHolds, stringToSign } from './signing-key.ts'
import type { ChunkSigner } from './verify.ts'

/** A checksum that comes behind the last chunk. */
export interface Trailer {
  /** e.g. `x-amz-checksum-crc32`. */
  header: string
  algorithm: DigestName
}

export interface ChunkedBody {
  /** Bytes that all chunks hold together. */
  size: number
  signer: ChunkSigner | null
  trailer: Trailer | null
}

/** The longest line before a chunk: its size, and a signature of 64 digits. */
const MAX_SIZE_LINE = 128
const MAX_TRAILER_BYTES = 4096
const MAX_CHUNK_BYTES = 2 ** 31
const SIZE_LINE = /^([0-9a-fA-F]{1,8})(?:;chunk-signature=([0-9a-f]{64}))?$/
const TRAILER_SIGNATURE = 'x-amz-trailer-signature'
const CR = 13
const LF = 10

/**
 * Decodes `aws-chunked` (docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html) and checks sizes, signatures and the
 * trailing checksum. Data passes on as it arrives, whatever the size of the chunks, except for the last of it: that is
 * held back until everything holds, so that a receiver that knows the length never has all of a body that is wrong.
 */
export function decodeChunks({
  size,
  signer,
  trailer,
}: ChunkedBody): TransformStream<Uint8Array, Uint8Array> {
  const checksum = trailer && startHash(trailer.algorithm)
  const chain = signer && createChain(signer)
  const trailers = new Map<string, string>()
  let state: 'size' | 'data' | 'data-end' | 'trailer' | 'end' = 'size'
  let line = ''
  let trailerBytes = 0
  let missing = size
  /** Of the current chunk. */
  let left = 0
  let held: Uint8Array | undefined

  const endOfSizeLine = async (): Promise<void> => {
    const [, digits = '', signature] = SIZE_LINE.exec(line) ?? malformed('the size of a chunk is malformed')
    left = Number.parseInt(digits, 16)
    if (left > MAX_CHUNK_BYTES) malformed('a chunk is too large')
    if (left > missing) throw incomplete(size)
    if (chain && signature === undefined) malformed('a chunk is not signed')
    if (!chain && signature !== undefined)
      malformed('a chunk is signed, and x-amz-content-sha256 says that none is')
    chain?.begin(signature ?? '')
    if (left > 0) state = 'data'
    else {
      if (missing > 0) throw incomplete(size)
      await chain?.end()
      state = 'trailer'
    }
  }
  const endOfTrailerLine = async (): Promise<void> => {
    if (line === '') {
      // In AWS's own example, an empty line precedes the signature.
      if (chain && trailer && trailers.size === 1) return
      await checkTrailers()
      state = 'end'
      return
    }
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).trim().toLowerCase()
    if (colon < 0 || trailers.has(name)) malformed('a trailer is malformed')
    trailers.set(name, line.slice(colon + 1).trim())
  }
  const checkTrailers = async (): Promise<void> => {
    const expected = trailer ? [trailer.header, ...(chain ? [TRAILER_SIGNATURE] : [])] : []
    if ([...trailers.keys()].sort().join() !== expected.sort().join())
      malformed(`the trailers must be ${expected.join(' and ') || 'none'}`)
    if (!trailer || !checksum) return
    const value = trailers.get(trailer.header) ?? ''
    await chain?.trailer(`${trailer.header}:${value}\n`, trailers.get(TRAILER_SIGNATURE) ?? '')
    const hex = await checksum.finish()
    if (Uint8Array.fromHex(hex).toBase64() !== value)
      throw new S3ApiError('BadDigest', `the ${trailer.header} behind the body is not that of its bytes`)
  }
  const endOfLine = async (): Promise<void> => {
    if (state === 'size') await endOfSizeLine()
    else if (state === 'trailer') await endOfTrailerLine()
    else if (line !== '') malformed('a chunk is longer than its size says')
    else state = 'size'
    line = ''
  }
  /** Reads up to and including the next line feed; returns where it continues. */
  const readLine = async (bytes: Uint8Array, start: number): Promise<number> => {
    const feed = bytes.indexOf(LF, start)
    const end = feed < 0 ? bytes.length : feed
    if (state === 'trailer') trailerBytes += end - start
    const limit = state === 'size' ? MAX_SIZE_LINE : state === 'trailer' ? MAX_TRAILER_BYTES : 2
    if (line.length + end - start > limit || trailerBytes > MAX_TRAILER_BYTES) malformed('a line is too long')
    line += String.fromCharCode(...bytes.subarray(start, end))
    if (feed < 0) return end
    const hasReturn = line.charCodeAt(line.length - 1) === CR
    // AWS's own example ends the checksum with a bare line feed.
    if (!hasReturn && state !== 'trailer') malformed('a line does not end with CR LF')
    if (hasReturn) line = line.slice(0, -1)
    await endOfLine()
    return feed + 1
  }

  return new TransformStream<Uint8Array, Uint8Array>({
    async transform(bytes, controller) {
      for (let at = 0; at < bytes.length;) {
        if (state === 'end') malformed('something follows the last chunk')
        if (state !== 'data') {
          at = await readLine(bytes, at)
          continue
        }
        const data = bytes.subarray(at, at + left)
        at += data.length
        left -= data.length
        missing -= data.length
        await checksum?.update(data)
        await chain?.update(data)
        if (held) controller.enqueue(held)
        held = data
        if (left > 0) continue
        await chain?.end()
        state = 'data-end'
      }
    },
    flush(controller) {
      if (state !== 'end') throw incomplete(size)
      if (held) controller.enqueue(held)
    },
  })
}

/** Verifies one chunk signature after the other; each signs the one before. */
function createChain(signer: ChunkSigner) {
  const emptyHash = sha256Hex('')
  let before = signer.seed
  let signature = ''
  let hash: ReturnType<typeof startHash> | undefined
  const holds = async (kind: string, text: string): Promise<void> => {
    const toSign = stringToSign(signer, `${before}\n${text}`, kind)
    if (!(await signatureHolds(signer.key, signature, toSign)))
      throw new S3ApiError(
        'SignatureDoesNotMatch',
        'the signature of a chunk, or of the trailer, does not match',
      )
    before = signature
  }
  return {
    begin(next: string): void {
      signature = next
      hash = undefined
    },
    async update(data: Uint8Array): Promise<void> {
      hash ??= startHash('sha256')
      await hash.update(data)
    },
    async end(): Promise<void> {
      const empty = await emptyHash
      await holds('-PAYLOAD', `${empty}\n${hash ? await hash.finish() : empty}`)
    },
    async trailer(lines: string, next: string): Promise<void> {
      if (!/^[0-9a-f]{64}$/.test(next)) malformed('the signature of the trailer is malformed')
      signature = next
      await holds('-TRAILER', await sha256Hex(lines))
    },
  }
}

function malformed(why: string): never {
  throw new S3ApiError('InvalidRequest', `the aws-chunked body is malformed: ${why}`)
}

function incomplete(size: number): S3ApiError {
  return new S3ApiError(
    'IncompleteBody',
    `the chunks do not hold the ${size} bytes of x-amz-decoded-content-length`,
  )
}
