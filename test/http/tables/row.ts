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
    /** Length of the body; for HEAD, that of a GET. Absent: that of a problem document. */
    contentLength?: number
    /** The body of a 200 or 206 to GET; ignored for others. */
    body?: string
  }
}

export interface ReadingObject {
  size: number
  /** Absent: the backend derives one, or has none. */
  etag?: string
  modified?: Date
}

/** The text of an object of that size: numbered lines of ten bytes, so that any shift is visible. */
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
