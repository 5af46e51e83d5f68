/** One request for one object, and what a client must see. */
export interface ReadingRow {
  title: string
  method: 'GET' | 'HEAD'
  headers: Readonly<Record<string, string>>
  object: ReadingObject
  expect: {
    status: 200 | 206 | 304 | 412 | 416
    /** Absent: there must be none. */
    contentRange?: string
    /** Bytes of the answer's own body; for HEAD what GET would send. Absent: whatever a problem document has. */
    contentLength?: number
    /** What a 200 or 206 to GET holds; for others it is not looked at. */
    body?: string
  }
}

export interface ReadingObject {
  size: number
  /** Absent: the backend makes one, or has none. */
  etag?: string
  modified?: Date
}

/** The text that an object of that size holds: numbered lines of ten bytes, so that any shift shows. */
export function contentOf(size: number): string {
  const lines = Array.from({ length: Math.ceil(size / 10) }, (_, line) => `${line}`.padStart(9, '.') + '\n')
  return lines.join('').slice(0, size)
}

type Case = Pick<ReadingRow, 'title' | 'headers' | 'object'>

/** A 200 with all of it. */
export function whole({ title, headers, object }: Case): ReadingRow {
  const expect = { status: 200, contentLength: object.size, body: contentOf(object.size) } as const
  return { title, method: 'GET', headers, object, expect }
}

/** A 206 with the bytes from the first to the last, both included. */
export function part({ title, headers, object }: Case, [first, last]: readonly [number, number]): ReadingRow {
  const expect = {
    status: 206,
    contentRange: `bytes ${first}-${last}/${object.size}`,
    contentLength: last - first + 1,
    body: contentOf(object.size).slice(first, last + 1),
  } as const
  return { title, method: 'GET', headers, object, expect }
}

export function unsatisfiable({ title, headers, object }: Case): ReadingRow {
  const expect = { status: 416, contentRange: `bytes */${object.size}` } as const
  return { title, method: 'GET', headers, object, expect }
}

/** A 304 or 412. */
export function refused({ title, headers, object }: Case, status: 304 | 412): ReadingRow {
  return { title, method: 'GET', headers, object, expect: { status } }
}

/** The same as a HEAD, for which Range does not exist. */
export function asHead(row: ReadingRow): ReadingRow {
  const { status } = row.expect
  const expect =
    status === 304 || status === 412 ? { status } : ({ status: 200, contentLength: row.object.size } as const)
  return { ...row, method: 'HEAD', expect }
}
