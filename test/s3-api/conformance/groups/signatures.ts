import {
  bucket,
  type Call,
  type Case,
  del,
  fails,
  get,
  gone,
  type Group,
  head,
  ok,
  put,
  row,
  status,
  xml,
} from '../case.ts'
import { bytesOf, type Signed } from '../../../kit/s3-signer.ts'

const OLD = { a: 'old' }
const HASH = 'x-amz-content-sha256'
const EMPTY_HASH = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

type Tamper = NonNullable<Call['tamper']>

const withHeader =
  (name: string, value: string): Tamper =>
  (signed) => ({ ...signed, headers: { ...signed.headers, [name]: value } })
const withoutHeader =
  (name: string): Tamper =>
  ({ headers: { [name]: _left, ...headers }, ...signed }) => ({ ...signed, headers })
const authorization =
  (change: (value: string) => string): Tamper =>
  (signed) => ({
    ...signed,
    headers: { ...signed.headers, authorization: change(signed.headers['authorization'] ?? '') },
  })
const url =
  (change: (value: string) => string): Tamper =>
  (signed: Signed) => ({ ...signed, url: change(signed.url) })

/** The request is refused, and the object stays. */
const refused = (title: string, code: string | string[], more: Partial<Call>): Case =>
  row(title, OLD, put('a', 'new', {}, more), fails(code), get('a'), ok('old'))
const accepted = (title: string, more: Partial<Call>): Case =>
  row(title, OLD, { ...get('a'), ...more }, ok('old'))

const MALFORMED = 'AuthorizationHeaderMalformed'
const QUERY = 'AuthorizationQueryParametersError'

export const SIGNATURES: readonly Group[] = [
  {
    name: 'Signatures',
    cases: [
      refused('none', 'AccessDenied', { sign: 'not' }),
      row(
        'none, for reads and listings',
        OLD,
        get('a', {}, { sign: 'not' }),
        fails('AccessDenied'),
        head('a', {}, { sign: 'not' }),
        { status: 403, body: '' },
        bucket('GET', {}, { sign: 'not' }),
        fails('AccessDenied'),
        del('a', {}, { sign: 'not' }),
        fails('AccessDenied'),
        get('a'),
        ok('old'),
      ),
      row(
        'none, for a bucket that is not there',
        {},
        get('a', {}, { sign: 'not', path: '/other/a' }),
        fails('AccessDenied'),
      ),
      refused('a key nobody has', 'InvalidAccessKeyId', { credentials: { accessKeyId: 'stranger' } }),
      refused('another secret', 'SignatureDoesNotMatch', {
        credentials: { secretAccessKey: 'not-the-secret-0123456789' },
      }),
      refused('the secret of another key', 'SignatureDoesNotMatch', {
        credentials: { secretAccessKey: 'reader-secret-0123456789' },
      }),
      refused('a session token', 'InvalidToken', { credentials: { sessionToken: 'token' } }),
      row(
        'HEAD with another secret',
        OLD,
        head('a', {}, { credentials: { secretAccessKey: 'not-the-secret-0123456789' } }),
        { status: 403, body: '' },
      ),
      refused('16 minutes late', 'RequestTimeTooSkewed', { late: -16 * 60 }),
      refused('16 minutes early', 'RequestTimeTooSkewed', { late: 16 * 60 }),
      refused('a year late', 'RequestTimeTooSkewed', { late: -365 * 86400 }),
      accepted('14 minutes late', { late: -14 * 60 }),
      accepted('14 minutes early', { late: 14 * 60 }),
      accepted('any region', { region: 'eu-central-1' }),
      accepted('region us-east-1', { region: 'us-east-1' }),
      refused('another service', [MALFORMED, 'SignatureDoesNotMatch'], { service: 'sts' }),
      refused('another end of the scope', MALFORMED, {
        tamper: authorization((value) => value.replace('aws4_request', 'aws5_request')),
      }),
      refused('a date in the scope that is not the time', [MALFORMED, 'SignatureDoesNotMatch'], {
        tamper: authorization((value) => value.replace(/\/\d{8}\//, '/20200101/')),
      }),
      refused('a changed digit of the signature', 'SignatureDoesNotMatch', {
        tamper: authorization((value) => value.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'))),
      }),
      refused('a signature that is too short', ['SignatureDoesNotMatch', MALFORMED], {
        tamper: authorization((value) => value.slice(0, -1)),
      }),
      refused('an empty signature', ['SignatureDoesNotMatch', MALFORMED], {
        tamper: authorization((value) => value.replace(/Signature=.*/, 'Signature=')),
      }),
      refused('no signature', MALFORMED, {
        tamper: authorization((value) => value.replace(/, Signature=.*/, '')),
      }),
      refused('no signed headers', MALFORMED, {
        tamper: authorization((value) => value.replace(/SignedHeaders=[^,]*, /, '')),
      }),
      refused('no credential', MALFORMED, {
        tamper: authorization((value) => value.replace(/Credential=[^,]*, /, '')),
      }),
      refused('a credential without a scope', MALFORMED, {
        tamper: authorization((value) => value.replace(/Credential=([^/]*)[^,]*/, 'Credential=$1')),
      }),
      refused('host is not signed', ['AccessDenied', 'SignatureDoesNotMatch', MALFORMED], {
        tamper: authorization((value) => value.replace('host;', '')),
      }),
      refused('Bearer', ['AccessDenied', 'InvalidArgument', 'InvalidRequest'], {
        tamper: withHeader('authorization', 'Bearer open-sesame'),
      }),
      refused('Basic', ['AccessDenied', 'InvalidArgument', 'InvalidRequest'], {
        tamper: withHeader('authorization', 'Basic d3JpdGVyOng='),
      }),
      refused('version 2', ['AccessDenied', 'InvalidArgument', 'InvalidRequest'], {
        tamper: withHeader('authorization', 'AWS writer:c2lnbmF0dXJlIG9mIHYy'),
      }),
      refused('an empty Authorization', ['AccessDenied', 'InvalidArgument', MALFORMED], {
        tamper: withHeader('authorization', ''),
      }),
      refused(
        'another algorithm',
        ['AccessDenied', 'InvalidArgument', 'InvalidRequest', 'NotImplemented', MALFORMED],
        { tamper: authorization((value) => value.replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA512')) },
      ),
      refused('another key', 'SignatureDoesNotMatch', {
        tamper: url((value) => value.replace('/media/a', '/media/b')),
      }),
      refused('another parameter', 'SignatureDoesNotMatch', {
        query: { 'x-id': 'PutObject' },
        tamper: url((value) => value.replace('PutObject', 'CopyObject')),
      }),
      refused('a parameter that was added', 'SignatureDoesNotMatch', {
        tamper: url((value) => `${value}?x-id=PutObject`),
      }),
      refused('a parameter that was left out', 'SignatureDoesNotMatch', {
        query: { 'x-id': 'PutObject' },
        tamper: url((value) => value.replace(/\?.*/, '')),
      }),
      refused('another method', 'SignatureDoesNotMatch', {
        tamper: (signed) => ({ ...signed, method: 'DELETE' }),
      }),
      row(
        'another method: GET to HEAD',
        OLD,
        get('a', {}, { tamper: ({ body: _none, ...signed }) => ({ ...signed, method: 'HEAD' }) }),
        { status: 403 },
      ),
      refused('a changed value of a signed header', 'SignatureDoesNotMatch', {
        headers: { 'x-amz-meta-a': '1' },
        tamper: withHeader('x-amz-meta-a', '2'),
      }),
      refused('a signed header that was left out', ['SignatureDoesNotMatch', 'AccessDenied'], {
        headers: { 'x-amz-meta-a': '1' },
        tamper: withoutHeader('x-amz-meta-a'),
      }),
      refused('metadata that is not signed', ['AccessDenied', 'SignatureDoesNotMatch'], {
        tamper: withHeader('x-amz-meta-a', '1'),
      }),
      row(
        'a copy source that is not signed',
        { a: 'old', b: 'b' },
        put('a', '', {}, { tamper: withHeader('x-amz-copy-source', '/media/b') }),
        fails(['AccessDenied', 'SignatureDoesNotMatch']),
        get('a'),
        ok('old'),
      ),
      refused('another time', ['SignatureDoesNotMatch', MALFORMED], {
        tamper: (signed) =>
          withHeader(
            'x-amz-date',
            (signed.headers['x-amz-date'] ?? '').replace(/.Z$/, (end) => (end === '0Z' ? '1Z' : '0Z')),
          )(signed),
      }),
      refused('no time', ['AccessDenied', 'SignatureDoesNotMatch', MALFORMED], {
        tamper: withoutHeader('x-amz-date'),
      }),
      refused('a time that is none', ['AccessDenied', 'SignatureDoesNotMatch', MALFORMED], {
        tamper: withHeader('x-amz-date', 'now'),
      }),
      refused('another hash of the body', ['SignatureDoesNotMatch', 'XAmzContentSHA256Mismatch'], {
        tamper: withHeader(HASH, 'UNSIGNED-PAYLOAD'),
      }),
      refused('no hash of the body', ['InvalidRequest', 'AccessDenied', 'SignatureDoesNotMatch'], {
        tamper: withoutHeader(HASH),
      }),
      refused('a hash that is none', ['InvalidRequest', 'InvalidArgument', 'XAmzContentSHA256Mismatch'], {
        headers: { [HASH]: 'abc' },
      }),
      refused('a kind of streaming nobody knows', ['InvalidRequest', 'InvalidArgument', 'NotImplemented'], {
        headers: { [HASH]: 'STREAMING-SOMETHING' },
      }),
      refused('another body', 'XAmzContentSHA256Mismatch', {
        tamper: (signed) => ({ ...signed, body: bytesOf('evil') }),
      }),
      refused('no body where one was signed', 'XAmzContentSHA256Mismatch', {
        tamper: (signed) => ({ ...signed, body: new Uint8Array() }),
      }),
      row(
        'a body where none was signed',
        OLD,
        put('a', 'new', { [HASH]: EMPTY_HASH }),
        fails('XAmzContentSHA256Mismatch'),
        get('a'),
        ok('old'),
      ),
      refused(
        'in the header and in the query',
        ['InvalidArgument', 'InvalidRequest', 'AccessDenied', QUERY],
        {
          sign: 'query',
          tamper: withHeader(
            'authorization',
            'AWS4-HMAC-SHA256 Credential=writer/20260101/auto/s3/aws4_request, SignedHeaders=host, Signature=00',
          ),
        },
      ),
      accepted('no blanks between the parts', {
        tamper: authorization((value) => value.replaceAll(', ', ',')),
      }),
      accepted('accept-encoding signed', { headers: { 'accept-encoding': 'identity' } }),
      accepted('blanks within a signed value', {
        headers: { 'x-amz-meta-x': 'a   b', 'user-agent': '  test  ' },
      }),
      accepted('a parameter twice', { query: { tag: ['b', 'a'] } }),
      accepted('parameters in another order', { query: { b: '1', a: '2', 'a-b': '3', B: '4' } }),
      accepted('a blank and a plus in a parameter', { query: { note: 'a b+c/d=e&f' } }),
      accepted('a blank as a plus in the URL', {
        query: { note: 'a b' },
        tamper: url((value) => value.replace('%20', '+')),
      }),
      accepted('a parameter outside ASCII', { query: { note: 'ü日本' } }),
      row(
        'a parameter without a value, with and without =',
        OLD,
        bucket('GET', { location: '' }),
        xml('LocationConstraint'),
        bucket('GET', { location: '' }, { tamper: url((value) => `${value}=`) }),
        xml('LocationConstraint'),
      ),
      row(
        'a key in lower-case escapes',
        { ü: 'x' },
        get('ü', {}, { tamper: url((value) => value.replace('%C3%BC', '%c3%bc')) }),
        ok('x'),
      ),
      row(
        'a key that was not escaped where it may be',
        { "it's(1)": 'x' },
        get(
          "it's(1)",
          {},
          { tamper: url((value) => value.replace('%27', "'").replace('%28', '(').replace('%29', ')')) },
        ),
        ok('x'),
      ),
      row(
        'wrong signatures say nothing of a bucket or an object',
        {},
        get('nothing', {}, { credentials: { secretAccessKey: 'not-the-secret-0123456789' } }),
        fails('SignatureDoesNotMatch'),
        get('a', {}, { path: '/other/a', credentials: { secretAccessKey: 'not-the-secret-0123456789' } }),
        fails('SignatureDoesNotMatch'),
      ),
      row(
        'what was to be signed is shown, and no secret',
        OLD,
        get('a', {}, { credentials: { secretAccessKey: 'not-the-secret-0123456789' } }),
        fails('SignatureDoesNotMatch', {
          xml: {
            StringToSign: /^AWS4-HMAC-SHA256\n\d{8}T\d{6}Z\n\d{8}\/auto\/s3\/aws4_request\n[0-9a-f]{64}$/,
          },
          check: ({ text }) => {
            if (text.includes('secret-0123')) throw new Error(text)
          },
        }),
      ),
    ],
  },
  {
    name: 'Keys, scopes and prefixes',
    cases: [
      row(
        'a reader reads',
        OLD,
        get('a', {}, { as: 'reader' }),
        ok('old'),
        head('a', {}, { as: 'reader' }),
        ok(),
        bucket('GET', { 'list-type': '2' }, { as: 'reader' }),
        xml('ListBucketResult', { 'Contents.Key': ['a'] }),
        bucket('HEAD', {}, { as: 'reader' }),
        ok(),
      ),
      refused('a reader does not put', 'AccessDenied', { as: 'reader' }),
      row(
        'a reader does not delete',
        OLD,
        del('a', {}, { as: 'reader' }),
        fails('AccessDenied'),
        get('a'),
        ok('old'),
      ),
      row(
        'a reader does not copy',
        OLD,
        { method: 'PUT', key: 'b', headers: { 'x-amz-copy-source': '/media/a' }, as: 'reader' },
        fails('AccessDenied'),
        get('b'),
        gone,
      ),
      row(
        'a reader begins no upload',
        OLD,
        { method: 'POST', key: 'a', query: { uploads: '' }, as: 'reader' },
        fails('AccessDenied'),
      ),
      row(
        'a reader puts nothing by a presigned URL',
        OLD,
        put('a', 'new', {}, { as: 'reader', sign: 'query' }),
        fails('AccessDenied'),
        get('a'),
        ok('old'),
      ),
      row(
        'a key of a prefix within it',
        { 'team/a': 'x' },
        get('team/a', {}, { as: 'team' }),
        ok('x'),
        put('team/b', 'y', {}, { as: 'team' }),
        ok(),
        del('team/a', {}, { as: 'team' }),
        status(204),
        get('team/b'),
        ok('y'),
      ),
      row(
        'a key of a prefix does not read outside',
        { b: 'x' },
        get('b', {}, { as: 'team' }),
        fails('AccessDenied'),
        head('b', {}, { as: 'team' }),
        { status: 403, body: '' },
      ),
      row(
        'a key of a prefix does not say what is outside',
        {},
        get('nothing', {}, { as: 'team' }),
        fails('AccessDenied'),
      ),
      refused('a key of a prefix does not put outside', 'AccessDenied', { as: 'team' }),
      row(
        'a key of a prefix does not delete outside',
        OLD,
        del('a', {}, { as: 'team' }),
        fails('AccessDenied'),
        get('a'),
        ok('old'),
      ),
      row(
        'a name that only begins like the prefix is outside',
        { 'team-b/a': 'x', team: 'y' },
        get('team-b/a', {}, { as: 'team' }),
        fails('AccessDenied'),
        get('team', {}, { as: 'team' }),
        fails('AccessDenied'),
      ),
      row(
        'a key of a prefix lists within it',
        { 'team/a': 'x', b: 'y' },
        bucket('GET', { 'list-type': '2', prefix: 'team/' }, { as: 'team' }),
        xml('ListBucketResult', { 'Contents.Key': ['team/a'] }),
        bucket('GET', { prefix: 'team/a' }, { as: 'team' }),
        xml('ListBucketResult', { 'Contents.Key': ['team/a'] }),
      ),
      row(
        'a key of a prefix does not list outside',
        { 'team/a': 'x', b: 'y' },
        bucket('GET', { 'list-type': '2', prefix: 'b' }, { as: 'team' }),
        fails('AccessDenied'),
        bucket('GET', { prefix: 'tea' }, { as: 'team' }),
        fails('AccessDenied'),
        bucket('GET', {}, { as: 'team' }),
        fails('AccessDenied'),
      ),
      row(
        'a key of a prefix does not copy from outside',
        { 'team/a': 'x', b: 'y' },
        { method: 'PUT', key: 'team/c', headers: { 'x-amz-copy-source': '/media/b' }, as: 'team' },
        fails('AccessDenied'),
        get('team/c'),
        gone,
      ),
      row(
        'a key of a prefix does not copy to the outside',
        { 'team/a': 'x' },
        { method: 'PUT', key: 'c', headers: { 'x-amz-copy-source': '/media/team/a' }, as: 'team' },
        fails('AccessDenied'),
        get('c'),
        gone,
      ),
      row(
        'a key of a prefix begins no upload outside',
        {},
        { method: 'POST', key: 'a', query: { uploads: '' }, as: 'team' },
        fails('AccessDenied'),
      ),
    ],
  },
  {
    name: 'Presigned URLs',
    cases: [
      accepted('GET', { sign: 'query' }),
      accepted('GET, with the hash in the URL', { sign: 'query-js' }),
      row('HEAD', OLD, head('a', {}, { sign: 'query' }), ok('', { 'content-length': '3' })),
      row(
        'PUT',
        OLD,
        put('a', 'new', {}, { sign: 'query' }),
        ok('', { etag: '"22af645d1859cb5ca6da0c484f1f37ea"' }),
        get('a'),
        ok('new'),
      ),
      row(
        'PUT, with the hash in the URL',
        OLD,
        put('a', 'new', {}, { sign: 'query-js' }),
        ok(),
        get('a'),
        ok('new'),
      ),
      row(
        'PUT with a media type that was not signed',
        OLD,
        put('a', 'new', {}, { sign: 'query', tamper: withHeader('content-type', 'image/png') }),
        ok(),
        get('a'),
        ok('new', { 'content-type': 'image/png' }),
      ),
      row(
        'PUT with a media type that was signed',
        OLD,
        put('a', 'new', { 'content-type': 'image/png' }, { sign: 'query' }),
        ok(),
        get('a'),
        ok('new', { 'content-type': 'image/png' }),
      ),
      refused('PUT with another media type than was signed', ['SignatureDoesNotMatch', 'AccessDenied'], {
        headers: { 'content-type': 'image/png' },
        sign: 'query',
        tamper: withHeader('content-type', 'text/html'),
      }),
      row(
        'PUT with metadata in the URL',
        OLD,
        put('a', 'new', { 'x-amz-meta-color': 'red' }, { sign: 'query' }),
        ok(),
        head('a'),
        ok('', { 'x-amz-meta-color': 'red' }),
      ),
      row(
        'PUT with the checksum of no bytes in the URL, as the AWS SDK for JavaScript signs it',
        OLD,
        put(
          'a',
          'new',
          { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-sdk-checksum-algorithm': 'CRC32' },
          { sign: 'query-js' },
        ),
        ok(),
        get('a'),
        ok('new'),
      ),
      row('DELETE', OLD, del('a', {}, { sign: 'query' }), status(204), get('a'), gone),
      row(
        'a listing',
        OLD,
        bucket('GET', { 'list-type': '2', prefix: 'a' }, { sign: 'query' }),
        xml('ListBucketResult', { 'Contents.Key': ['a'] }),
      ),
      accepted('of a minute ago, for an hour', { sign: 'query', late: -60, expires: 3600 }),
      accepted('of six days ago, for seven', { sign: 'query', late: -6 * 86400, expires: 7 * 86400 }),
      refused('expired a minute ago', 'AccessDenied', { sign: 'query', late: -120, expires: 60 }),
      row(
        'GET that expired says so',
        OLD,
        get('a', {}, { sign: 'query', late: -7200, expires: 3600 }),
        fails('AccessDenied', { xml: { Message: /expired/i } }),
      ),
      refused('for the time after next', ['AccessDenied', 'RequestTimeTooSkewed'], {
        sign: 'query',
        late: 3600,
        expires: 3600,
      }),
      refused('for more than seven days', QUERY, {
        sign: 'query',
        tamper: url((value) => value.replace(/Expires=\d+/, 'Expires=604801')),
      }),
      refused('for no time', [QUERY, 'AccessDenied'], {
        sign: 'query',
        tamper: url((value) => value.replace(/Expires=\d+/, 'Expires=0')),
      }),
      refused('for a negative time', QUERY, {
        sign: 'query',
        tamper: url((value) => value.replace(/Expires=\d+/, 'Expires=-1')),
      }),
      refused('for a time that is no number', QUERY, {
        sign: 'query',
        tamper: url((value) => value.replace(/Expires=\d+/, 'Expires=soon')),
      }),
      refused('for longer than was signed', 'SignatureDoesNotMatch', {
        sign: 'query',
        tamper: url((value) => value.replace(/Expires=\d+/, 'Expires=3601')),
      }),
      refused('without an expiry', QUERY, {
        sign: 'query',
        tamper: url((value) => value.replace(/&X-Amz-Expires=\d+/, '')),
      }),
      refused('without a time', QUERY, {
        sign: 'query',
        tamper: url((value) => value.replace(/&X-Amz-Date=\w+/, '')),
      }),
      refused('without a credential', QUERY, {
        sign: 'query',
        tamper: url((value) => value.replace(/&X-Amz-Credential=[^&]*/, '')),
      }),
      refused('without a signature', QUERY, {
        sign: 'query',
        tamper: url((value) => value.replace(/&X-Amz-Signature=\w+/, '')),
      }),
      refused('without signed headers', QUERY, {
        sign: 'query',
        tamper: url((value) => value.replace(/&X-Amz-SignedHeaders=[^&]*/, '')),
      }),
      refused('another algorithm', [QUERY, 'AccessDenied', 'NotImplemented'], {
        sign: 'query',
        tamper: url((value) => value.replace('AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1')),
      }),
      refused('another key id', 'InvalidAccessKeyId', {
        sign: 'query',
        tamper: url((value) => value.replace('Credential=writer', 'Credential=nobody')),
      }),
      refused('another secret', 'SignatureDoesNotMatch', {
        sign: 'query',
        credentials: { secretAccessKey: 'not-the-secret-0123456789' },
      }),
      refused('a session token', 'InvalidToken', { sign: 'query', credentials: { sessionToken: 'token' } }),
      refused('another object', 'SignatureDoesNotMatch', {
        sign: 'query',
        tamper: url((value) => value.replace('/media/a', '/media/b')),
      }),
      refused('a parameter that was added', 'SignatureDoesNotMatch', {
        sign: 'query',
        tamper: url((value) => `${value}&acl`),
      }),
      refused('a parameter twice', ['SignatureDoesNotMatch', QUERY, 'InvalidArgument'], {
        sign: 'query',
        tamper: url((value) => `${value}&X-Amz-Expires=604800`),
      }),
      row(
        'GET for HEAD',
        OLD,
        get('a', {}, { sign: 'query', tamper: (signed) => ({ ...signed, method: 'HEAD' }) }),
        { status: 403 },
      ),
      row(
        'GET for PUT',
        OLD,
        {
          ...get('a', {}, { sign: 'query' }),
          tamper: (signed) => ({ ...signed, method: 'PUT', body: bytesOf('evil') }),
        },
        fails('SignatureDoesNotMatch'),
        get('a'),
        ok('old'),
      ),
      row(
        'response-content-disposition',
        OLD,
        get(
          'a',
          {},
          {
            sign: 'query',
            query: {
              'response-content-disposition': 'attachment; filename="x y.txt"',
              'response-content-type': 'text/x-test',
            },
          },
        ),
        ok('old', { 'content-disposition': 'attachment; filename="x y.txt"', 'content-type': 'text/x-test' }),
      ),
      row(
        'response-content-disposition that was added',
        OLD,
        get('a', {}, { sign: 'query', tamper: url((value) => `${value}&response-content-type=text/html`) }),
        fails('SignatureDoesNotMatch'),
      ),
      row('a range', OLD, get('a', {}, { sign: 'query', tamper: withHeader('range', 'bytes=1-') }), {
        status: 206,
        body: 'ld',
      }),
      row(
        'version 2 is refused, and says what to do',
        OLD,
        get(
          'a',
          {},
          { sign: 'not', query: { AWSAccessKeyId: 'writer', Signature: 'abc=', Expires: '4102444800' } },
        ),
        fails(['InvalidRequest', 'AccessDenied'], { xml: { Message: /s3v4|version 4|v4/i } }),
      ),
      accepted('with an Authorization of something else', {
        sign: 'query',
        tamper: withHeader('authorization', 'Bearer of-another-site'),
      }),
    ],
  },
]
