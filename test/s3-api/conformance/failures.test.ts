import {
  bucketWith,
  OLD,
  R2,
  answering,
  BROKEN_ORIGIN,
  EMPTY_ORIGIN,
  SILENT_ORIGIN,
  media,
} from '../../kit/app.ts'
import {
  batch,
  bucket,
  copy,
  del,
  type Expected,
  fails,
  get,
  type Group,
  gone,
  head,
  ok,
  post,
  put,
  row,
  status,
  xml,
} from './case.ts'
import { runGroups, type Site } from './run.ts'
import { nextPrefix, openR2, openWith, seedInto } from './sites.ts'

/** What is in the bucket; the rest would be in the fallback. */
const HELD = { a: 'a', 'd/b': 'b' }
const UNAVAILABLE = fails('ServiceUnavailable')
const SLOW_DOWN = fails('SlowDown')
const listings = (expected: Expected) =>
  [{}, { prefix: 'd/' }, { delimiter: '/' }, { delimiter: '/', 'max-keys': '1' }, { marker: 'a' }].flatMap(
    (query) => [bucket('GET', query), expected, bucket('GET', { 'list-type': '2', ...query }), expected],
  )

async function fail(): Promise<never> {
  throw new Error('get: We encountered an internal error. Please try again. (10001)')
}
const BROKEN_BUCKET = bucketWith({
  get: fail,
  head: fail,
  list: fail,
  put: fail,
  delete: fail,
  createMultipartUpload: fail,
})

/** R2, and a fallback that `settings` defines as `OLD` or `BROKEN`. */
const withFallback = (table: object, settings: object) => (): Promise<Site> => {
  const prefix = nextPrefix()
  return openWith({ FALLBACK_STORAGES: [{ ...R2, prefix }, table], ...settings }, (objects) =>
    seedInto(media, prefix, objects),
  )
}

/** A primary that fails, and a fallback that has the objects. */
async function openBrokenPrimary(): Promise<Site> {
  const prefix = nextPrefix()
  return openWith(
    {
      FALLBACK_STORAGES: [
        { type: 'r2', binding: 'BROKEN', name: 'primary' },
        { ...R2, name: 'old', prefix, read_only: true },
      ],
      BROKEN: BROKEN_BUCKET,
    },
    (objects) => seedInto(media, prefix, objects),
  )
}

const BROKEN_FALLBACK: Group = {
  name: 'a fallback that fails',
  cases: [
    row('what the primary has is served', HELD, get('a'), ok('a'), head('d/b'), ok('')),
    row(
      'what it may have is not absent',
      HELD,
      get('c'),
      UNAVAILABLE,
      head('c'),
      { status: 503, body: '' },
      get('c', { range: 'bytes=0-1' }),
      UNAVAILABLE,
      get('c', { 'if-none-match': '"x"' }),
      UNAVAILABLE,
    ),
    row('no listing is short', HELD, ...listings(UNAVAILABLE)),
    row('a put succeeds', HELD, put('c', 'new'), ok(), get('c'), ok('new')),
    row(
      'a put on condition that nothing is there',
      HELD,
      put('c', 'new', { 'if-none-match': '*' }),
      UNAVAILABLE,
      put('a', 'new', { 'if-none-match': '*' }),
      fails('PreconditionFailed'),
      get('a'),
      ok('a'),
    ),
    row('a put on condition of a tag', HELD, put('c', 'new', { 'if-match': '"x"' }), UNAVAILABLE),
    row('a deletion holds', HELD, del('c'), status(204), get('c'), gone, head('c'), {
      status: 404,
      body: '',
    }),
    row(
      'deletions hold',
      HELD,
      batch(['a', 'c']),
      xml('DeleteResult', { 'Deleted.Key': ['a', 'c'], Error: null }),
      get('a'),
      gone,
      get('c'),
      gone,
    ),
    row(
      'a copy of what it may have',
      HELD,
      copy('x', '/media/c'),
      UNAVAILABLE,
      copy('x', '/media/a'),
      ok(),
      get('x'),
      ok('a'),
    ),
    row(
      'what needs no backend',
      HELD,
      bucket('HEAD'),
      ok(''),
      bucket('GET', { location: '' }),
      xml('LocationConstraint'),
      bucket('GET', { uploads: '' }),
      xml('ListMultipartUploadsResult'),
    ),
  ],
}

runGroups(
  [BROKEN_FALLBACK],
  'R2 and a fallback',
  withFallback({ type: 'r2', binding: 'BROKEN', name: 'old', read_only: true }, { BROKEN: BROKEN_BUCKET }),
)

runGroups(
  [
    {
      name: 'a primary that fails',
      cases: [
        row(
          'what the fallback has is served, and not cached',
          HELD,
          get('a'),
          ok('a', { 'cache-control': /no-store/ }),
        ),
        row('what it may have is not absent', HELD, get('c'), UNAVAILABLE, head('c'), {
          status: 503,
          body: '',
        }),
        row('no listing is short', HELD, ...listings(UNAVAILABLE)),
        row(
          'no put',
          HELD,
          put('a', 'new'),
          UNAVAILABLE,
          put('c', 'new', { 'if-none-match': '*' }),
          UNAVAILABLE,
          get('a'),
          ok('a'),
        ),
        row('no deletion', HELD, del('a'), UNAVAILABLE, get('a'), ok('a')),
        row(
          'each deletion is an Error of its own',
          HELD,
          batch(['a', 'd/b']),
          xml('DeleteResult', {
            Deleted: null,
            'Error.Key': ['a', 'd/b'],
            'Error.Code': ['ServiceUnavailable', 'ServiceUnavailable'],
          }),
          get('a'),
          ok('a'),
        ),
        row('no copy', HELD, copy('x', '/media/a'), UNAVAILABLE),
        row('no upload', HELD, post('x', { uploads: '' }), UNAVAILABLE),
      ],
    },
  ],
  'R2 and a fallback',
  openBrokenPrimary,
)

const origin = (code: number, headers: Record<string, string> = {}) =>
  withFallback(OLD, { OLD: answering(() => new Response(null, { status: code, headers })) })

const absent = (name: string, expected: Expected): Group => ({
  name,
  cases: [
    row(
      'is not absent',
      HELD,
      get('c'),
      expected,
      head('c'),
      { status: 503, body: '' },
      copy('x', '/media/c'),
      expected,
      get('a'),
      ok('a'),
    ),
  ],
})

runGroups(
  [
    absent('an origin that answers 503 with Retry-After', {
      ...UNAVAILABLE,
      headers: { 'retry-after': '7' },
    }),
  ],
  'R2 and a fallback',
  origin(503, { 'Retry-After': '7' }),
)
runGroups(
  [absent('an origin that answers 503', UNAVAILABLE)],
  'R2 and a fallback',
  withFallback(OLD, { OLD: BROKEN_ORIGIN }),
)
runGroups([absent('an origin that answers 429', SLOW_DOWN)], 'R2 and a fallback', origin(429))
// Not 403: the client would take its own key for wrong.
runGroups([absent('an origin that answers 403', UNAVAILABLE)], 'R2 and a fallback', origin(403))
runGroups(
  [absent('an origin that does not answer', UNAVAILABLE)],
  'R2 and a fallback',
  withFallback({ ...OLD, timeout_ms: 30 }, { OLD: SILENT_ORIGIN }),
)
runGroups(
  [
    {
      name: 'an origin that cannot be listed',
      cases: [
        row(
          'a listing says so',
          HELD,
          bucket('GET', { 'list-type': '2' }),
          xml(
            'ListBucketResult',
            { 'Contents.Key': ['a', 'd/b'] },
            { headers: { 'x-fallback-storage-not-listed': /old/ } },
          ),
          bucket('GET'),
          xml(
            'ListBucketResult',
            { 'Contents.Key': ['a', 'd/b'] },
            { headers: { 'x-fallback-storage-not-listed': /old/ } },
          ),
        ),
        row('what it does not have is absent', HELD, get('c'), gone),
      ],
    },
  ],
  'R2 and a fallback',
  withFallback(OLD, { OLD: EMPTY_ORIGIN }),
)
runGroups(
  [
    {
      name: 'listings over all backends',
      cases: [
        row(
          'say nothing of backends',
          HELD,
          bucket('GET', { 'list-type': '2' }),
          xml('ListBucketResult', {}, { headers: { 'x-fallback-storage-not-listed': null } }),
        ),
      ],
    },
  ],
  'R2',
  openR2,
)
