const LINE_BYTES = 64
const ID = /^(\S+#\d+) (\d+) *$/

/** Says in every line which version of which name it is, so that no part of one can pass for another. */
export function bodyOf(id: string, lines: number): Buffer<ArrayBuffer> {
  let text = ''
  for (let line = 0; line < lines; line++) text += `${`${id} ${lines}.${line}`.padEnd(LINE_BYTES - 1)}\n`
  return Buffer.from(text, 'latin1')
}

/** A part that holds a whole line at least. */
export const SHORTEST_PART = 2 * LINE_BYTES

/** The version that these bytes are, or are a part of; `null` when they are anything else. */
export function versionIn(bytes: Buffer, start = 0, whole = true): string | null {
  const skipped = (LINE_BYTES - (start % LINE_BYTES)) % LINE_BYTES
  const line = bytes.subarray(skipped, skipped + LINE_BYTES).toString('latin1')
  const [, id, count] = ID.exec(line.replace(/\.\d+ *\n$/, '')) ?? []
  if (id === undefined || count === undefined) return null
  const body = bodyOf(id, Number(count))
  const right = whole ? body : body.subarray(start, start + bytes.length)
  return right.equals(bytes) ? id : null
}
