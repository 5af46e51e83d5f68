/** Narrow enough for a phone. */
const ROW = 8

/** Bytes much as `hexdump -C` prints them: offset, hexadecimal, and the printable ASCII characters. */
export function hexDump(bytes: Uint8Array): string {
  const rows = []
  for (let offset = 0; offset < bytes.length; offset += ROW) {
    const row = Array.from(bytes.subarray(offset, offset + ROW))
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const ascii = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    rows.push(`${offset.toString(16).padStart(4, '0')}  ${hex.padEnd(ROW * 3 - 1)}  ${ascii}`)
  }
  return rows.join('\n')
}
