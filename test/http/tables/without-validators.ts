import type { ReadingRow } from './row.ts'
import { asHead, part, refused, whole } from './row.ts'

const modified = new Date('2014-06-25T17:12:18.000Z')
const DATE = 'Wed, 25 Jun 2014 17:12:18 GMT'
const NOTHING = { size: 25 }
const TAG_ONLY = { size: 25, etag: '"A"' }
const DATE_ONLY = { size: 25, modified }

const rows: ReadingRow[] = [
  whole({ title: 'no condition', headers: {}, object: NOTHING }),
  whole({ title: 'a tag that there is not', headers: { 'If-None-Match': '"A"' }, object: NOTHING }),
  refused({ title: 'any tag', headers: { 'If-None-Match': '*' }, object: NOTHING }, 304),
  refused({ title: 'a tag that must be there', headers: { 'If-Match': '"A"' }, object: NOTHING }, 412),
  whole({ title: 'anything that is there', headers: { 'If-Match': '*' }, object: NOTHING }),
  whole({ title: 'a date that there is not', headers: { 'If-Modified-Since': DATE }, object: TAG_ONLY }),
  whole({ title: 'a date to be kept to', headers: { 'If-Unmodified-Since': DATE }, object: TAG_ONLY }),
  refused({ title: 'its only tag', headers: { 'If-None-Match': '"A"' }, object: TAG_ONLY }, 304),
  refused({ title: 'its only date', headers: { 'If-Modified-Since': DATE }, object: DATE_ONLY }, 304),
  whole({ title: 'a part by tag', headers: { Range: 'bytes=0-4', 'If-Range': '"A"' }, object: DATE_ONLY }),
  whole({ title: 'a part by date', headers: { Range: 'bytes=0-4', 'If-Range': DATE }, object: TAG_ONLY }),
  whole({
    title: 'a part by neither',
    headers: { Range: 'bytes=0-4', 'If-Range': 'wrong' },
    object: NOTHING,
  }),
  part(
    { title: 'a part by its tag', headers: { Range: 'bytes=0-4', 'If-Range': '"A"' }, object: TAG_ONLY },
    [0, 4],
  ),
  part(
    { title: 'a part by its date', headers: { Range: 'bytes=0-4', 'If-Range': DATE }, object: DATE_ONLY },
    [0, 4],
  ),
]

/** Objects without a tag or a date, which not every backend can store. */
export const WITHOUT_VALIDATORS: readonly ReadingRow[] = [...rows, ...rows.map(asHead)]
