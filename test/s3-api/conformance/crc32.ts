/** CRC-32 of the text's UTF-8, in base64 as in `x-amz-checksum-crc32`; bit by bit, independent of the implementation. */
export function crc32(text: string): string {
  let crc = 0xffffffff
  for (const byte of new TextEncoder().encode(text)) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, ~crc >>> 0)
  return bytes.toBase64()
}
