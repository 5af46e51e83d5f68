import { fails, get, type Group, head, ok, put, row, status, tagOf } from '../case.ts'

const TEN = { ten: '0123456789' }
const PAST = 'Sat, 01 Jan 2000 00:00:00 GMT'
const FUTURE = 'Fri, 01 Jan 2100 00:00:00 GMT'

const range = (value: string, body: string, content: string) =>
  row(value, TEN, get('ten', { range: value }), {
    status: 206,
    body,
    headers: {
      'content-range': content,
      'content-length': `${body.length}`,
      etag: /./,
      'accept-ranges': 'bytes',
    },
  })
const whole = (title: string, value: string) =>
  row(title, TEN, get('ten', { range: value }), ok('0123456789', { 'content-range': null }))
const unsatisfiable = (value: string) =>
  row(
    `${value} cannot be satisfied`,
    TEN,
    get('ten', { range: value }),
    fails('InvalidRange', { headers: { 'content-range': 'bytes */10' } }),
  )

export const READS: readonly Group[] = [
  {
    name: 'Range',
    cases: [
      range('bytes=4-7', '4567', 'bytes 4-7/10'),
      range('bytes=0-0', '0', 'bytes 0-0/10'),
      range('bytes=9-9', '9', 'bytes 9-9/10'),
      range('bytes=4-', '456789', 'bytes 4-9/10'),
      range('bytes=0-', '0123456789', 'bytes 0-9/10'),
      range('bytes=-3', '789', 'bytes 7-9/10'),
      range('bytes=-100', '0123456789', 'bytes 0-9/10'),
      range('bytes=8-100', '89', 'bytes 8-9/10'),
      range('bytes=0-9', '0123456789', 'bytes 0-9/10'),
      unsatisfiable('bytes=10-'),
      unsatisfiable('bytes=40-50'),
      unsatisfiable('bytes=-0'),
      whole('the last before the first is passed over', 'bytes=7-4'),
      whole('another unit is passed over', 'items=0-1'),
      whole('no numbers are passed over', 'bytes=a-b'),
      row('several ranges are one answer', TEN, get('ten', { range: 'bytes=0-1,4-5' }), {
        status: [200, 206],
        check: ({ text, status: code }) => {
          if (code === 200 && text !== '0123456789') throw new Error(text)
        },
      }),
      row('of an empty object', { empty: '' }, get('empty', { range: 'bytes=0-' }), fails('InvalidRange')),
      row('of an absent object', {}, get('nothing', { range: 'bytes=0-1' }), fails('NoSuchKey')),
      row(
        'range and If-Match of HEAD',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { range: 'bytes=2-3', 'if-match': tagOf(first) }),
        { status: 206, body: '23' },
        (first) => get('ten', { range: 'bytes=4-5', 'if-match': tagOf(first) }),
        { status: 206, body: '45' },
      ),
      row(
        'range, whole and range have one tag',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { range: 'bytes=2-3', 'if-match': tagOf(first) }),
        { status: 206, body: '23' },
        (first) => get('ten', { 'if-match': tagOf(first) }),
        ok('0123456789'),
        (first) => get('ten', { range: 'bytes=4-5', 'if-match': tagOf(first) }),
        { status: 206, body: '45' },
      ),
      row(
        'range and If-Match that does not hold',
        TEN,
        get('ten', { range: 'bytes=2-3', 'if-match': '"other"' }),
        fails('PreconditionFailed'),
      ),
      row(
        'after the object was replaced',
        TEN,
        head('ten'),
        ok(),
        put('ten', 'abcdefghij'),
        ok(),
        (first) => get('ten', { range: 'bytes=2-3', 'if-match': tagOf(first) }),
        fails('PreconditionFailed'),
      ),
      row(
        'If-Range that holds',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { range: 'bytes=2-3', 'if-range': tagOf(first) }),
        { status: 206, body: '23' },
      ),
      row(
        'If-Range that does not hold',
        TEN,
        get('ten', { range: 'bytes=2-3', 'if-range': '"other"' }),
        ok('0123456789'),
      ),
    ],
  },
  {
    name: 'Conditional reads',
    cases: [
      row(
        'If-Match that holds',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { 'if-match': tagOf(first) }),
        ok('0123456789'),
      ),
      row(
        'If-Match without quotes',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { 'if-match': tagOf(first).slice(1, -1) }),
        ok('0123456789'),
      ),
      row('If-Match *', TEN, get('ten', { 'if-match': '*' }), ok('0123456789')),
      row(
        'If-Match of several',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { 'if-match': `"x", ${tagOf(first)}` }),
        ok('0123456789'),
      ),
      row(
        'If-Match that does not hold',
        TEN,
        get('ten', { 'if-match': '"abc"' }),
        fails('PreconditionFailed'),
      ),
      row('If-Match that does not hold, for HEAD', TEN, head('ten', { 'if-match': '"abc"' }), {
        status: 412,
        body: '',
      }),
      row(
        'If-Match of an absent object',
        {},
        get('no', { 'if-match': '"abc"' }),
        fails(['NoSuchKey', 'PreconditionFailed']),
      ),
      row('If-None-Match of another tag', TEN, get('ten', { 'if-none-match': '"abc"' }), ok('0123456789')),
      row(
        'If-None-Match of its tag',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { 'if-none-match': tagOf(first) }),
        { status: 304, body: '', headers: { etag: /./ } },
      ),
      row(
        'If-None-Match of its tag, for HEAD',
        TEN,
        head('ten'),
        ok(),
        (first) => head('ten', { 'if-none-match': tagOf(first) }),
        { status: 304, body: '' },
      ),
      row(
        'If-None-Match without quotes',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { 'if-none-match': tagOf(first).slice(1, -1) }),
        status(304),
      ),
      row('If-None-Match *', TEN, get('ten', { 'if-none-match': '*' }), status(304)),
      row(
        'If-None-Match after the object was replaced',
        TEN,
        head('ten'),
        ok(),
        put('ten', 'new'),
        ok(),
        (first) => get('ten', { 'if-none-match': tagOf(first) }),
        ok('new'),
      ),
      row('If-Modified-Since before', TEN, get('ten', { 'if-modified-since': PAST }), ok('0123456789')),
      row(
        'If-Modified-Since its time',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { 'if-modified-since': first?.headers.get('last-modified') ?? '' }),
        status(304),
      ),
      row(
        'If-Modified-Since no date',
        TEN,
        get('ten', { 'if-modified-since': 'yesterday' }),
        ok('0123456789'),
      ),
      row('If-Unmodified-Since after', TEN, get('ten', { 'if-unmodified-since': FUTURE }), ok('0123456789')),
      row(
        'If-Unmodified-Since its time',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { 'if-unmodified-since': first?.headers.get('last-modified') ?? '' }),
        ok('0123456789'),
      ),
      row(
        'If-Unmodified-Since before',
        TEN,
        get('ten', { 'if-unmodified-since': PAST }),
        fails('PreconditionFailed'),
      ),
      row(
        'If-Match that holds wins over If-Unmodified-Since',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { 'if-match': tagOf(first), 'if-unmodified-since': PAST }),
        ok('0123456789'),
      ),
      row(
        'If-None-Match of its tag wins over If-Modified-Since',
        TEN,
        head('ten'),
        ok(),
        (first) => get('ten', { 'if-none-match': tagOf(first), 'if-modified-since': PAST }),
        status(304),
      ),
      row(
        'If-None-Match of another tag wins over If-Modified-Since',
        TEN,
        head('ten'),
        ok(),
        (first) =>
          get('ten', {
            'if-none-match': '"abc"',
            'if-modified-since': first?.headers.get('last-modified') ?? '',
          }),
        ok('0123456789'),
      ),
    ],
  },
]
