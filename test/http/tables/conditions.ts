import type { ReadingObject, ReadingRow } from './row.ts'
import { asHead, part, refused, whole } from './row.ts'

export const MODIFIED = new Date('2014-06-25T17:12:18.000Z')
const SAME = 'Wed, 25 Jun 2014 17:12:18 GMT'
const EARLIER = 'Wed, 25 Jun 2014 17:12:17 GMT'
const LATER = 'Wed, 25 Jun 2014 17:12:19 GMT'

const A: ReadingObject = { size: 25, etag: '"A"', modified: MODIFIED }
const WEAK: ReadingObject = { ...A, etag: 'W/"A"' }
const COMMA: ReadingObject = { ...A, etag: '"a,b, \t"' }
/** Backends keep milliseconds, HTTP dates have none. */
const PRECISE: ReadingObject = { ...A, modified: new Date('2014-06-25T17:12:18.987Z') }

type Entry = [object: ReadingObject, headers: Record<string, string>, outcome: 200 | 304 | 412]

// With the cases of Go's fs_test and nginx's not_modified.t.
const ENTRIES: Entry[] = [
  [A, { 'If-None-Match': '"A"' }, 304],
  [A, { 'If-None-Match': '"a"' }, 200],
  [A, { 'If-None-Match': '"foo"' }, 200],
  [A, { 'If-None-Match': 'W/"A"' }, 304],
  [A, { 'If-None-Match': '*' }, 304],
  [A, { 'If-None-Match': ' * ' }, 304],
  [A, { 'If-None-Match': '"*"' }, 200],
  [A, { 'If-None-Match': '"foo", "bar", "A" , "baz"' }, 304],
  [A, { 'If-None-Match': '"foo","A"' }, 304],
  [A, { 'If-None-Match': ',,"A",' }, 304],
  [A, { 'If-None-Match': '"x"A"' }, 200],
  [A, { 'If-None-Match': ',' }, 200],
  [A, { 'If-None-Match': 'A' }, 200],
  [A, { 'If-None-Match': '"A' }, 200],
  [A, { 'If-None-Match': 'w/"A"' }, 200],
  [A, { 'If-None-Match': '"A", garbage' }, 304],
  [WEAK, { 'If-None-Match': '"baz", W/"A"' }, 304],
  [WEAK, { 'If-None-Match': '"A"' }, 304],
  [WEAK, { 'If-None-Match': 'W/"B"' }, 200],
  [COMMA, { 'If-None-Match': '"x", "a,b, \t", "y"' }, 304],
  [COMMA, { 'If-None-Match': '"a,b"' }, 200],
  [COMMA, { 'If-Match': '"a,b, \t"' }, 200],
  [COMMA, { 'If-Match': '"a", "b"' }, 412],

  [A, { 'If-Match': '"A"' }, 200],
  [A, { 'If-Match': '"Z", "A"' }, 200],
  [A, { 'If-Match': '"foo", "bar", \t"A" , "baz"' }, 200],
  [A, { 'If-Match': '*' }, 200],
  [A, { 'If-Match': '"B"' }, 412],
  [A, { 'If-Match': 'W/"A"' }, 412],
  [A, { 'If-Match': 'w/"A"' }, 412],
  [A, { 'If-Match': 'A' }, 412],
  [A, { 'If-Match': ',' }, 412],
  [WEAK, { 'If-Match': 'W/"A"' }, 412],
  [WEAK, { 'If-Match': '"A"' }, 412],
  [WEAK, { 'If-Match': '*' }, 200],

  [A, { 'If-Modified-Since': SAME }, 304],
  [A, { 'If-Modified-Since': LATER }, 304],
  [A, { 'If-Modified-Since': EARLIER }, 200],
  [A, { 'If-Modified-Since': 'Wednesday, 25-Jun-14 17:12:18 GMT' }, 304],
  [A, { 'If-Modified-Since': 'Wed Jun 25 17:12:18 2014' }, 304],
  [A, { 'If-Modified-Since': 'Wed, 08 Jul 2037 22:53:52 GMT' }, 304],
  [A, { 'If-Modified-Since': 'Tue, 19 Jan 2038 03:14:07 GMT' }, 304],
  [A, { 'If-Modified-Since': 'Tue, 19 Jan 2038 03:14:08 GMT' }, 304],
  [A, { 'If-Modified-Since': 'Fri, 25 Feb 2174 09:42:23 GMT' }, 304],
  [A, { 'If-Modified-Since': 'yesterday' }, 200],
  [A, { 'If-Modified-Since': '0' }, 200],
  [A, { 'If-Modified-Since': '2030' }, 200],
  [A, { 'If-Modified-Since': '2030-01-01T00:00:00Z' }, 200],
  [A, { 'If-Modified-Since': 'Sat, 31 Feb 2026 00:00:00 GMT' }, 200],
  [A, { 'If-Modified-Since': 'Wed, 25 Jun 2014 25:12:18 GMT' }, 200],
  [A, { 'If-Modified-Since': 'Wed, 25 Jun 2014 17:12:18 CET' }, 200],
  [PRECISE, { 'If-Modified-Since': SAME }, 304],
  [PRECISE, { 'If-Modified-Since': EARLIER }, 200],

  [A, { 'If-Unmodified-Since': SAME }, 200],
  [A, { 'If-Unmodified-Since': LATER }, 200],
  [A, { 'If-Unmodified-Since': EARLIER }, 412],
  [A, { 'If-Unmodified-Since': 'Wed, 25 Jun 2014 17:12:16 GMT' }, 412],
  [A, { 'If-Unmodified-Since': 'yesterday' }, 200],
  [PRECISE, { 'If-Unmodified-Since': SAME }, 200],
  [PRECISE, { 'If-Unmodified-Since': EARLIER }, 412],

  // RFC 9110 §13.2.2: tags before dates, 412 before 304.
  [A, { 'If-Match': '"A"', 'If-Unmodified-Since': EARLIER }, 200],
  [A, { 'If-Match': '"B"', 'If-Unmodified-Since': LATER }, 412],
  [A, { 'If-None-Match': '"B"', 'If-Modified-Since': SAME }, 200],
  [A, { 'If-None-Match': ',', 'If-Modified-Since': SAME }, 200],
  [A, { 'If-None-Match': '"A"', 'If-Modified-Since': EARLIER }, 304],
  [A, { 'If-Match': '"B"', 'If-None-Match': '"A"' }, 412],
  [A, { 'If-Match': '"A"', 'If-None-Match': '"A"' }, 304],
  [A, { 'If-Unmodified-Since': EARLIER, 'If-None-Match': '"A"' }, 412],
  [A, { 'If-Unmodified-Since': SAME, 'If-Modified-Since': SAME }, 304],
  [A, { 'If-Unmodified-Since': EARLIER, 'If-Modified-Since': SAME }, 412],
  [A, { 'If-Match': '"A"', 'If-Modified-Since': SAME }, 304],
  [A, { 'If-Match': '*', 'If-None-Match': '*' }, 304],

  // Conditions before the range, whether or not it can be met; no part of the body with a 304.
  [A, { Range: 'bytes=0-4', 'If-None-Match': '"A"' }, 304],
  [A, { Range: 'bytes=0-4', 'If-Modified-Since': SAME }, 304],
  [A, { Range: 'bytes=0-4', 'If-Match': '"B"' }, 412],
  [A, { Range: 'bytes=0-4', 'If-Unmodified-Since': EARLIER }, 412],
  [A, { Range: 'bytes=100-', 'If-None-Match': '"A"' }, 304],
  [A, { Range: 'bytes=100-', 'If-Match': '"B"' }, 412],
  [A, { Range: 'bytes=0-4', 'If-Range': '"B"', 'If-None-Match': '"A"' }, 304],
  [A, { Range: 'bytes=0-4', 'If-Range': '"A"', 'If-Match': '"B"' }, 412],

  // If-Range, with Go's cases and nginx's range_if_range.t: anything but exactly this object gets all of it.
  [A, { Range: 'bytes=0-4', 'If-Range': '"B"' }, 200],
  [A, { Range: 'bytes=0-4', 'If-Range': 'W/"A"' }, 200],
  [A, { Range: 'bytes=0-4', 'If-Range': 'A' }, 200],
  [A, { Range: 'bytes=0-4', 'If-Range': '*' }, 200],
  [A, { Range: 'bytes=0-4', 'If-Range': '"A", "B"' }, 200],
  [A, { Range: 'bytes=0-4', 'If-Range': 'wrong' }, 200],
  [A, { Range: 'bytes=0-4', 'If-Range': EARLIER }, 200],
  [A, { Range: 'bytes=0-4', 'If-Range': LATER }, 200],
  [A, { Range: 'bytes=100-', 'If-Range': '"B"' }, 200],
  [A, { Range: 'nonsense', 'If-Range': '"A"' }, 200],
  [A, { 'If-Range': '"B"' }, 200],
  [WEAK, { Range: 'bytes=0-4', 'If-Range': 'W/"A"' }, 200],
  [WEAK, { Range: 'bytes=0-4', 'If-Range': '"A"' }, 200],
]

const PARTS: [object: ReadingObject, headers: Record<string, string>][] = [
  [A, { Range: 'bytes=0-4', 'If-Range': '"A"' }],
  [A, { Range: 'bytes=0-4', 'If-Range': SAME }],
  [A, { Range: 'bytes=0-4', 'If-Range': 'Wed Jun 25 17:12:18 2014' }],
  [PRECISE, { Range: 'bytes=0-4', 'If-Range': SAME }],
  [COMMA, { Range: 'bytes=0-4', 'If-Range': '"a,b, \t"' }],
  [WEAK, { Range: 'bytes=0-4', 'If-Range': SAME }],
  [
    { ...A, modified: new Date('1970-09-28T06:00:00Z') },
    { Range: 'bytes=0-4', 'If-Range': 'Mon, 28 Sep 1970 06:00:00 GMT' },
  ],
  [A, { Range: 'bytes=0-4', 'If-Match': '"A"' }],
  [A, { Range: 'bytes=0-4', 'If-None-Match': '"B"' }],
  [A, { Range: 'bytes=0-4', 'If-Modified-Since': EARLIER }],
  [A, { Range: 'bytes=0-4', 'If-Unmodified-Since': SAME }],
]

const rows: ReadingRow[] = [
  ...ENTRIES.map(([object, headers, outcome]) => {
    const request = { title: titleOf(headers, object), headers, object }
    return outcome === 200 ? whole(request) : refused(request, outcome)
  }),
  ...PARTS.map(([object, headers]) => part({ title: titleOf(headers, object), headers, object }, [0, 4])),
]

/** Conditions, alone and together, with and without Range; each as GET and as HEAD. */
export const CONDITIONS: readonly ReadingRow[] = [...rows, ...rows.map(asHead)]

function titleOf(headers: Record<string, string>, { etag, modified }: ReadingObject): string {
  const requested = Object.entries(headers).map(
    ([name, value]) => `${name}: ${JSON.stringify(value).slice(1, -1)}`,
  )
  const precise = modified?.getMilliseconds() ? ` of ${modified.toISOString()}` : ''
  return `${requested.join('; ')} on ${etag}${precise}`
}
