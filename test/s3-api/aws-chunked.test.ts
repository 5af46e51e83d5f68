import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { startHash } from '../../src/bodies/digest.ts'
import { type ChunkedBody, decodeChunks, type Trailer } from '../../src/s3/aws-chunked.ts'
import { deriveSigningKey } from '../../src/s3/signing-key.ts'
import { S3ApiError } from '../../src/s3/errors.ts'
import type { ChunkSigner } from '../../src/s3/verify.ts'
import { bytesOf, signChunked } from '../kit/s3-signer.ts'
import { sized } from '../kit/sample.ts'

const CRC32: Trailer = { header: 'x-amz-checksum-crc32', algorithm: 'crc32' }
const CRC32C: Trailer = { header: 'x-amz-checksum-crc32c', algorithm: 'crc32c' }

/** Decodes pieces of a body. `got` holds what came out, also where it failed. */
async function decode(pieces: Iterable<Uint8Array>, body: ChunkedBody) {
  const source = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece)
      controller.close()
    },
  })
  const got: number[] = []
  try {
    for await (const bytes of source.pipeThrough(decodeChunks(body))) got.push(...bytes)
    return { got, code: 'none' }
  } catch (error) {
    return { got, code: error instanceof S3ApiError ? error.s3Code : String(error) }
  }
}

const decodeText = (text: string, body: ChunkedBody) => decode([bytesOf(text)], body)

/** The published examples of AWS (docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html). */
const AWS_SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
const SIZE = 66_560
const examples = {
  'signed chunks': {
    seed: '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9',
    chunks: [
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ],
    trailer: null,
    end: '\r\n',
  },
  'signed chunks and a checksum behind them': {
    seed: '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e',
    chunks: [
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
    ],
    trailer: CRC32C,
    end: 'x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n',
  },
}

async function example(name: keyof typeof examples) {
  const { seed, chunks, trailer, end } = examples[name]
  const [first, second, last] = chunks
  const wire =
    `10000;chunk-signature=${first}\r\n${'a'.repeat(65_536)}\r\n` +
    `400;chunk-signature=${second}\r\n${'a'.repeat(1024)}\r\n0;chunk-signature=${last}\r\n${end}`
  const scope = '20130524/us-east-1/s3/aws4_request'
  const key = await deriveSigningKey(AWS_SECRET, scope)
  const signer: ChunkSigner = { key, time: '20130524T000000Z', scope, seed }
  return { wire, body: { size: SIZE, signer, trailer } }
}

describe.each(Object.keys(examples) as (keyof typeof examples)[])('AWS’s example of %s', (name) => {
  it('is decoded', async () => {
    const { wire, body } = await example(name)
    const { got, code } = await decodeText(wire, body)
    expect([code, got.length, got.every((byte) => byte === 97)]).toEqual(['none', SIZE, true])
  })

  it('is refused with one byte changed, and its last bytes never come out', async () => {
    const { wire, body } = await example(name)
    for (const at of [100, 65_000, 65_700, 66_700])
      for (const seed of [body.signer.seed, '0'.repeat(64)]) {
        const spoiled = seed === body.signer.seed ? `${wire.slice(0, at)}b${wire.slice(at + 1)}` : wire
        const { got, code } = await decodeText(spoiled, { ...body, signer: { ...body.signer, seed } })
        expect([at, code, got.length < SIZE]).toEqual([at, 'SignatureDoesNotMatch', true])
      }
  })
})

it('reads the trailer as AWS’s documentation prints it: with bare line feeds, and an empty line before the signature', async () => {
  const { wire, body } = await example('signed chunks and a checksum behind them')
  const printed = wire.replace('sOO8/Q==\r\n', 'sOO8/Q==\n\r\n')
  expect(await decodeText(printed, body)).toMatchObject({ code: 'none', got: { length: SIZE } })
})

/** A body framed and signed by AWS's signer, and what the decoder must know of it. */
async function framed(bytes: Uint8Array<ArrayBuffer>, signed: boolean, hasTrailer: boolean, size: number) {
  const at = new Date()
  const hash = startHash('crc32')
  await hash.update(bytes)
  const checksum = Uint8Array.fromHex(await hash.finish()).toBase64()
  const credentials = { accessKeyId: 'writer', secretAccessKey: 'writer-secret-0123456789' }
  const sent = await signChunked(
    { endpoint: 'https://media.example', credentials, at },
    { method: 'PUT', path: '/a', body: bytes },
    { signed, size, ...(hasTrailer && { trailer: { [CRC32.header]: checksum } }) },
  )
  const time = sent.headers['x-amz-date'] ?? ''
  const scope = `${time.slice(0, 8)}/auto/s3/aws4_request`
  const signer: ChunkSigner = {
    key: await deriveSigningKey(credentials.secretAccessKey, scope),
    time,
    scope,
    seed: /Signature=(\w+)/.exec(sent.headers['authorization'] ?? '')?.[1] ?? '',
  }
  const body: ChunkedBody = {
    size: bytes.length,
    signer: signed ? signer : null,
    trailer: hasTrailer ? CRC32 : null,
  }
  return { wire: sent.body ?? new Uint8Array(), body }
}

const bodies = fc.record({
  bytes: fc.uint8Array({ maxLength: 200 }).map((bytes) => Uint8Array.from(bytes)),
  mode: fc.constantFrom([true, false], [true, true], [false, true]),
  size: fc.integer({ min: 1, max: 80 }),
})

describe('any body', () => {
  it('comes out the same, wherever its pieces are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        bodies,
        fc.array(fc.nat({ max: 2000 }), { maxLength: 40 }),
        async ({ bytes, mode: [signed = true, hasTrailer = true], size }, cuts) => {
          const { wire, body } = await framed(bytes, signed, hasTrailer, size)
          const ends = [...new Set([0, ...cuts.filter((cut) => cut < wire.length), wire.length])]
          ends.sort((a, b) => a - b)
          const pieces = ends.slice(1).map((end, index) => wire.subarray(ends[index], end))
          expect(await decode(pieces, body)).toEqual({ got: [...bytes], code: 'none' })
        },
      ),
      { numRuns: sized(500, 50) },
    )
  })

  it.each([
    ['signed chunks', true, false],
    ['signed chunks with a trailer', true, true],
    ['unsigned chunks with a trailer', false, true],
  ])('is refused wherever it ends early, and never comes out whole: %s', async (_, signed, hasTrailer) => {
    const bytes = bytesOf('thirty bytes, each of its own.')
    const { wire, body } = await framed(bytes, signed, hasTrailer, 20)
    for (let end = 0; end < wire.length; end++) {
      const { got, code } = await decode([wire.subarray(0, end)], body)
      expect([end, code, got.length < bytes.length]).toEqual([end, 'IncompleteBody', true])
    }
    expect(
      await decode(
        [...wire].map((byte) => Uint8Array.of(byte)),
        body,
      ),
    ).toMatchObject({ code: 'none' })
  })

  it('is refused if anything follows', async () => {
    const { wire, body } = await framed(bytesOf('text'), true, true, 20)
    for (const more of ['\r\n', '\n', 'a', '0\r\n\r\n'])
      expect(await decode([wire, bytesOf(more)], body)).toMatchObject({ code: 'InvalidRequest' })
  })
})

/** `text` (CRC-32 3b8ba7c7), unsigned. */
const TEXT_CRC32 = 'O4unxw=='

describe('unsigned chunks', () => {
  const unsigned = (text: string, size = 4) => decodeText(text, { size, signer: null, trailer: CRC32 })
  const trailer = `x-amz-checksum-crc32:${TEXT_CRC32}\r\n\r\n`

  it.each([
    ['in one chunk', `4\r\ntext\r\n0\r\n${trailer}`],
    ['in several', `1\r\nt\r\n3\r\next\r\n0\r\n${trailer}`],
    ['with zeros before the size', `00000004\r\ntext\r\n00\r\n${trailer}`],
    [
      'with blanks, and capitals in the trailer',
      `4\r\ntext\r\n0\r\nX-Amz-Checksum-CRC32: ${TEXT_CRC32} \r\n\r\n`,
    ],
  ])('are read %s', async (_, text) => {
    expect(await unsigned(text)).toEqual({ got: [...bytesOf('text')], code: 'none' })
  })

  it.each([
    ['a size that is no number', `x\r\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['a negative size', `-4\r\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['an empty size', `\r\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['a size with 0x', `0x4\r\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['a size with a blank', `4 \r\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['a size of nine digits', `000000004\r\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['a size above 2 GiB', '80000001\r\n', 'InvalidRequest'],
    ['a size line of 200 bytes', `4;${'x'.repeat(200)}`, 'InvalidRequest'],
    ['an extension', `4;name=value\r\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['a signature', `4;chunk-signature=${'0'.repeat(64)}\r\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['a bare line feed after the size', `4\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['a bare line feed after the data', `4\r\ntext\n0\r\n${trailer}`, 'InvalidRequest'],
    ['data that is longer than its size', `3\r\ntext\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['data that is shorter than its size', `4\r\ntex\r\n0\r\n${trailer}`, 'InvalidRequest'],
    ['more bytes than announced', `5\r\ntext!\r\n0\r\n${trailer}`, 'IncompleteBody'],
    ['fewer bytes than announced', `3\r\ntex\r\n0\r\n${trailer}`, 'IncompleteBody'],
    ['no trailer', '4\r\ntext\r\n0\r\n\r\n', 'InvalidRequest'],
    ['another trailer', '4\r\ntext\r\n0\r\nx-amz-checksum-crc32c:AAAAAA==\r\n\r\n', 'InvalidRequest'],
    ['a further trailer', `4\r\ntext\r\n0\r\nx-amz-meta-a:b\r\n${trailer}`, 'InvalidRequest'],
    [
      'a trailer twice',
      `4\r\ntext\r\n0\r\nx-amz-checksum-crc32:${TEXT_CRC32}\r\n${trailer}`,
      'InvalidRequest',
    ],
    ['a trailer without a colon', '4\r\ntext\r\n0\r\nx-amz-checksum-crc32\r\n\r\n', 'InvalidRequest'],
    [
      'a trailer of 5000 bytes',
      `4\r\ntext\r\n0\r\nx-amz-checksum-crc32:${'A'.repeat(5000)}`,
      'InvalidRequest',
    ],
    ['5000 bytes of trailers', `4\r\ntext\r\n0\r\n${'a:b\r\n'.repeat(1000)}`, 'InvalidRequest'],
    ['a checksum of other bytes', `4\r\ntest\r\n0\r\n${trailer}`, 'BadDigest'],
    ['an empty checksum', '4\r\ntext\r\n0\r\nx-amz-checksum-crc32:\r\n\r\n', 'BadDigest'],
  ])('are refused with %s', async (_, text, code) => {
    const result = await unsigned(text)
    expect([result.code, result.got.length < 4]).toEqual([code, true])
  })

  it('hold nothing if the size is 0', async () => {
    expect(await unsigned('0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n', 0)).toEqual({ got: [], code: 'none' })
    expect(await unsigned(`4\r\ntext\r\n0\r\n${trailer}`, 0)).toEqual({ got: [], code: 'IncompleteBody' })
  })
})

it('refuses chunks without the signature that they must have', async () => {
  const { wire, body } = await example('signed chunks')
  const { code } = await decodeText(wire.replace(/;chunk-signature=\w+/, ''), body)
  expect(code).toBe('InvalidRequest')
})

it('passes a chunk of 64 MiB on as it arrives', async () => {
  const size = 64 * 2 ** 20
  const piece = new Uint8Array(64 * 1024).fill(97)
  const hash = startHash('crc32')
  for (let at = 0; at < size; at += piece.length) await hash.update(piece)
  const checksum = Uint8Array.fromHex(await hash.finish()).toBase64()
  let sent = 0
  let received = 0
  let held = 0
  const source = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (sent === 0) controller.enqueue(bytesOf(`${size.toString(16)}\r\n`))
        if (sent < size) {
          sent += piece.length
          return controller.enqueue(piece.slice())
        }
        controller.enqueue(bytesOf(`\r\n0\r\nx-amz-checksum-crc32:${checksum}\r\n\r\n`))
        controller.close()
      },
    },
    { highWaterMark: 0 },
  )
  for await (const bytes of source.pipeThrough(decodeChunks({ size, signer: null, trailer: CRC32 }))) {
    received += bytes.length
    held = Math.max(held, sent - received)
  }
  expect(received).toBe(size)
  expect(held).toBeLessThan(512 * 1024)
})
