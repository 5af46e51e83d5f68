import type { ReadingObject, ReadingRow } from './row.ts'
import { asHead, part, unsatisfiable, whole } from './row.ts'

const modified = new Date('2014-06-25T17:12:18.000Z')
const ELEVEN: ReadingObject = { size: 11, etag: '"eleven"', modified }
const THOUSAND: ReadingObject = { size: 1000, etag: '"thousand"', modified }
const EMPTY: ReadingObject = { size: 0, etag: '"empty"', modified }

type Outcome = readonly [first: number, last: number] | 'whole' | 'unsatisfiable'

// The 22 headers that Go's net/http is tested with; several ranges are answered whole here.
const GO: [range: string | null, outcome: Outcome][] = [
  [null, 'whole'],
  ['bytes=0-4', [0, 4]],
  ['bytes=2-', [2, 10]],
  ['bytes=-5', [6, 10]],
  ['bytes=3-7', [3, 7]],
  ['bytes=0-0,-2', 'whole'],
  ['bytes=0-1,5-8', 'whole'],
  ['bytes=0-1,5-', 'whole'],
  ['bytes=5-1000', [5, 10]],
  ['bytes=0-,1-,2-,3-,4-', 'whole'],
  ['bytes=0-9', [0, 9]],
  ['bytes=0-10', [0, 10]],
  ['bytes=0-11', [0, 10]],
  ['bytes=10-11', [10, 10]],
  ['bytes=10-', [10, 10]],
  ['bytes=11-', 'unsatisfiable'],
  ['bytes=11-12', 'unsatisfiable'],
  ['bytes=12-12', 'unsatisfiable'],
  ['bytes=11-100', 'unsatisfiable'],
  ['bytes=12-100', 'unsatisfiable'],
  ['bytes=100-', 'unsatisfiable'],
  ['bytes=100-1000', 'unsatisfiable'],
]

// nginx's, on 1000 bytes. It answers 416 to invalid ranges; RFC 9110 §14.2 allows ignoring them.
const NGINX: [range: string, outcome: Outcome][] = [
  ['bytes=0-8', [0, 8]],
  ['bytes=-10', [990, 999]],
  ['bytes=990-', [990, 999]],
  ['bytes=990-1990', [990, 999]],
  ['bytes=0-9, -10, 10-19', 'whole'],
  ['bytes=0-9, -10, 100000-, 10-19', 'whole'],
  ['bytes=100000-', 'unsatisfiable'],
  ['bytes=alpha', 'whole'],
  ['bytes=10-alpha', 'whole'],
  ['bytes=10', 'whole'],
  ['bytes=10-11 12-', 'whole'],
  ['bytes=0-10001', [0, 999]],
  ['bytes=0-10001, 0-0', 'whole'],
]

const FURTHER: [range: string, outcome: Outcome][] = [
  ['bytes=-0', 'unsatisfiable'],
  ['bytes=-00', 'unsatisfiable'],
  ['bytes=-1', [999, 999]],
  ['bytes=-999', [1, 999]],
  ['bytes=-1000', [0, 999]],
  ['bytes=-99999', [0, 999]],
  ['bytes=0-0', [0, 0]],
  ['bytes=999-999', [999, 999]],
  ['bytes=1000-1000', 'unsatisfiable'],
  ['bytes=0000-0004', [0, 4]],
  ['BYTES=0-4', [0, 4]],
  ['bytes= 0-4', [0, 4]],
  ['bytes=,0-4,', [0, 4]],
  ['bytes=0-4, ', [0, 4]],
  ['bytes=4-0', 'whole'],
  ['bytes=-', 'whole'],
  ['bytes=', 'whole'],
  ['bytes', 'whole'],
  ['bytes 0-4', 'whole'],
  ['bytes =0-4', 'whole'],
  ['bytes=0 - 4', 'whole'],
  ['bytes=--4', 'whole'],
  ['bytes=-4-', 'whole'],
  ['bytes=+1-4', 'whole'],
  ['bytes=1.5-4', 'whole'],
  ['bytes=0x1-4', 'whole'],
  ['bytes=1e1-20', 'whole'],
  ['items=0-4', 'whole'],
  ['none', 'whole'],
  ['0-4', 'whole'],
  ['bytes=0-99999999999999999999', [0, 999]],
  ['bytes=99999999999999999999-', 'unsatisfiable'],
  ['bytes=-99999999999999999999', [0, 999]],
  ['bytes=99999999999999999999-0', 'whole'],
  [`bytes=0-${'9'.repeat(400)}`, [0, 999]],
  [`bytes=${'9'.repeat(400)}-`, 'unsatisfiable'],
]

const ON_NOTHING: [range: string, outcome: Outcome][] = [
  ['bytes=0-', 'unsatisfiable'],
  ['bytes=0-0', 'unsatisfiable'],
  ['bytes=-1', 'unsatisfiable'],
  ['bytes=1-0', 'whole'],
]

/** Range headers without conditions: Go's, nginx's, and the odd ones. */
export const RANGES: readonly ReadingRow[] = [
  ...GO.map((entry) => toRow(entry, ELEVEN)),
  ...[...NGINX, ...FURTHER].map((entry) => toRow(entry, THOUSAND)),
  ...ON_NOTHING.map((entry) => toRow(entry, EMPTY)),
  ...['bytes=0-4', 'bytes=-5', 'bytes=5000-', 'bytes=0-0,-2'].map((range) =>
    asHead(toRow([range, 'whole'], THOUSAND)),
  ),
]

function toRow([range, outcome]: [string | null, Outcome], object: ReadingObject): ReadingRow {
  const shown = range !== null && range.length > 60 ? `${range.slice(0, 20)}… (${range.length})` : range
  const request = {
    title: `${shown ?? 'no Range'} of ${object.size} bytes`,
    headers: range === null ? {} : { Range: range },
    object,
  }
  if (outcome === 'whole') return whole(request)
  return outcome === 'unsatisfiable' ? unsatisfiable(request) : part(request, outcome)
}
