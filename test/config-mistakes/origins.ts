import { s3, http, after, type Row } from './samples.ts'

export const originMistakes: Row[] = [
  [
    'an http backend without url or binding',
    after({ type: 'http', name: 'old' }),
    '[1] "old" `url`: is missing',
    'or `binding` to a Fetcher binding',
  ],
  [
    'a url with a query',
    after({ ...http, url: 'https://old.example.com/?a=1' }),
    '[1] "legacy" `url`: must not contain a query or fragment',
  ],
  [
    'a url with a fragment',
    after({ ...http, url: 'https://old.example.com/#top' }),
    '`url`: must not contain a query or fragment',
  ],
  [
    'a url with user info',
    after({ ...http, url: 'https://me:hush-hush@old.example.com/' }),
    '`url`: must not contain a user name or password; put them into a secret',
  ],
  [
    'a url that is not http',
    after({ ...http, url: 'ftp://old.example.com/' }),
    '`url`: must be an absolute http:// or https:// URL',
  ],
  [
    'a url without a scheme',
    after({ ...http, url: 'old.example.com' }),
    '`url`: must be an absolute http:// or https:// URL',
  ],
  [
    'a url that is the address of a file',
    after({ ...http, url: 'https://old.example.com/media/photos/harbour.JPG' }),
    '[1] "legacy" `url`: must be the address of a folder, not of a file',
  ],
  [
    'an empty status list',
    after({ ...http, absent_statuses: [] }),
    '[1] "legacy" `absent_statuses`: must be a list of 4xx statuses',
    '[404, 410]',
  ],
  [
    'a 500 that proves absence',
    after({ ...http, absent_statuses: [404, 500] }),
    '`absent_statuses`: must be a list of 4xx statuses',
  ],
  [
    'a 429 that proves absence',
    after({ ...http, absent_statuses: [404, 429] }),
    '`absent_statuses`: must be a list',
    'except 408, 425 and 429',
  ],
  [
    'a status list that is a number',
    after({ ...s3, absent_statuses: 404 }),
    '`absent_statuses`: must be a list',
  ],
  ['headers that are a list', after({ ...http, headers: ['a'] }), '[1] "legacy" `headers`: must be a table'],
  [
    'a header that is a number',
    after({ ...http, headers: { 'X-Key': 1 } }),
    '`headers.X-Key`: must be a string',
  ],
  [
    'a header name with a space',
    after({ ...http, headers: { 'X Key': 'a' } }),
    '`headers.X Key`: is not a valid header name',
  ],
  [
    'a header value with a line break',
    after({ ...http, headers: { 'X-Key': 'a\r\nb' } }),
    '`headers.X-Key`: must be a valid header value',
  ],
  [
    'a header that the Worker sets itself',
    after({ ...http, headers: { Range: 'bytes=0-' } }),
    '`headers.Range`: is set by the Worker itself; remove it',
  ],
  [
    'the header that shows loops',
    after({ ...http, headers: { 'Fallback-Storage-Via': '0a0b0c0d' } }),
    '`headers.Fallback-Storage-Via`: is set by the Worker itself; remove it',
  ],
  [
    'a header given twice',
    after({ ...http, headers: { 'X-Key': 'a', 'x-key': 'b' } }),
    '`headers.x-key`: is set twice',
  ],
  [
    'a header whose secret is not set',
    after({ ...http, headers: { 'X-Key': '$OLD_KEY' } }),
    '[1] "legacy" `headers.X-Key`: the secret `OLD_KEY` is not set',
    'npx wrangler secret put OLD_KEY',
  ],
  [
    'a header with a secret inside',
    after({ ...http, headers: { Authorization: 'Bearer $OLD_KEY' } }),
    '`headers.Authorization`: can only be a whole secret',
    '"$NAME"',
  ],
  [
    'a header with a lone $',
    after({ ...http, headers: { 'X-Key': '$' } }),
    '`headers.X-Key`: must name a secret after the "$"',
  ],
  [
    'a header whose secret ends in a line break',
    after({ ...http, headers: { 'X-Key': '$OLD_KEY' } }, { OLD_KEY: 'hush-hush\n' }),
    '`headers.X-Key`: the secret `OLD_KEY` contains a line break',
    'npx wrangler secret put OLD_KEY',
  ],
  [
    'an unknown listing',
    after({ ...http, listing: 'html' }),
    '[1] "legacy" `listing`: must be "autoindex-json"',
  ],
  ['check_type that is a word', after({ ...http, check_type: 'no' }), '`check_type`: must be true or false'],
  [
    'an s3 backend without an endpoint',
    after({ type: 's3', bucket: 'b' }),
    '[1] "s3" `endpoint`: is missing',
    'https://s3.',
  ],
  [
    'an s3 backend without a bucket',
    after({ type: 's3', endpoint: 'https://s3.example.com' }),
    '[1] "s3" `bucket`: is missing: set it to the bucket\'s name',
  ],
  [
    'a bucket with a slash',
    after({ ...s3, bucket: 'old/media' }),
    '[1] "legacy" `bucket`: must be a bucket name',
  ],
  [
    'an endpoint with a query',
    after({ ...s3, endpoint: 'https://s3.example.com/?x' }),
    '`endpoint`: must not contain a query',
  ],
  ...[
    'https://old-media.s3.eu-central-1.amazonaws.com',
    'https://old-media.s3-us-west-2.amazonaws.com',
    'https://old-media.0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com',
    'https://old-media.fra1.digitaloceanspaces.com',
    'https://old-media.storage.googleapis.com',
    'https://s3.example.com/old-media',
    'https://s3.example.com/gateway/old-media/',
  ].map((endpoint): Row => [
    `a bucket in the endpoint ${endpoint}`,
    after({ ...s3, endpoint }),
    '[1] "legacy" `endpoint`: must be the address of the service without the bucket',
  ]),
  [
    'a bucket in the endpoint, with virtual addressing',
    after({ ...s3, endpoint: 'https://old-media.s3.eu-central-1.amazonaws.com', addressing: 'virtual' }),
    '`endpoint`: must be the address of the service without the bucket',
  ],
  ...['https://s3.eu-central-1.amazonaws.com', 'https://s3.cn-north-1.amazonaws.com.cn'].map(
    (endpoint): Row => [
      `no region for ${endpoint}`,
      after({ ...s3, endpoint, credentials: 'LEGACY' }),
      '[1] "legacy" `region`: must be the region of the bucket for Amazon S3, e.g. "eu-central-1"',
    ],
  ),
  [
    'an unknown addressing',
    after({ ...s3, addressing: 'host' }),
    '[1] "legacy" `addressing`: must be "path" or "virtual"',
  ],
  [
    'virtual addressing of an IP address',
    after({ ...s3, endpoint: 'http://127.0.0.1:9000', addressing: 'virtual' }),
    '`addressing`: cannot be "virtual" for an endpoint that is an IP address; use "path"',
  ],
  [
    'an empty region',
    after({ ...s3, region: '' }),
    '`region`: must be a region, e.g. "eu-central-1" or "auto"',
  ],
]
