import { kv, s3, http, after, type Row } from './samples.ts'

export const keyMistakes: Row[] = [
  [
    'a mistyped key',
    after({ ...s3, endpiont: 'x' }),
    '[1] "legacy" `endpiont`: is unknown; did you mean `endpoint`?',
  ],
  [
    'a key in camel case',
    after({ ...s3, readOnly: true }),
    '`readOnly`: is unknown; did you mean `read_only`?',
  ],
  ['half a key', after({ ...s3, timeout: 5 }), '`timeout`: is unknown; did you mean `timeout_ms`?'],
  ['a longer key', after({ ...s3, bucket_name: 'x' }), '`bucket_name`: is unknown; did you mean `bucket`?'],
  [
    'a key like no other',
    after({ ...s3, colour: 'red' }),
    '[1] "legacy" `colour`: is unknown; the keys of s3 backends are type, name, prefix',
  ],
  [
    'a key of another type',
    after({ ...kv, region: 'auto' }),
    '[1] "media_kv" `region`: is not for kv backends, only for s3; remove it',
  ],
  [
    'a key of two other types',
    after({ ...kv, absent_statuses: [404] }),
    '`absent_statuses`: is not for kv backends, only for s3 and http',
  ],
  [
    'a secret in an s3 table',
    after({ ...s3, secret_access_key: 'hush-hush' }),
    '`secret_access_key`: must be a secret',
    'npx wrangler secret put LEGACY_ACCESS_KEY_ID',
  ],
  [
    'a token in an http table',
    after({ ...http, token: 'hush-hush' }),
    '`token`: must be a secret',
    'npx wrangler secret put LEGACY_AUTHORIZATION',
  ],
  [
    'read_only that is a word',
    after({ ...kv, read_only: 'yes' }),
    '[1] "media_kv" `read_only`: must be true or false',
  ],
  [
    'a writable http backend',
    after({ ...http, read_only: false }),
    '[1] "legacy" `read_only`: is always true for http',
    'remove it',
  ],
  [
    'a negative timeout',
    after({ ...http, timeout_ms: -1 }),
    '[1] "legacy" `timeout_ms`: must be a whole number from 1',
  ],
  ['a timeout of 0', after({ ...http, timeout_ms: 0 }), '`timeout_ms`: must be a whole number from 1'],
  [
    'a timeout with a unit',
    after({ ...http, idle_timeout_ms: '30s' }),
    '`idle_timeout_ms`: must be a whole number from 1',
  ],
  [
    'a timeout of half a millisecond',
    after({ ...http, idle_timeout_ms: 0.5 }),
    '`idle_timeout_ms`: must be a whole number',
  ],
  [
    'a negative price',
    after({ ...s3, egress_usd_per_gb: -0.09 }),
    '[1] "legacy" `egress_usd_per_gb`: must be a price in US dollars per 10⁹ bytes',
    'e.g. 0.09',
  ],
  [
    'a price with a sign',
    after({ ...http, egress_usd_per_gb: '$0.09' }),
    '`egress_usd_per_gb`: must be a price in US dollars',
  ],
  [
    'a price for KV',
    after({ ...kv, egress_usd_per_gb: 0.09 }),
    '`egress_usd_per_gb`: is not for kv backends, only for s3 and http; remove it',
  ],
  [
    'hedging after the timeout',
    after({ ...http, hedge_ms: 500, timeout_ms: 500 }),
    '[1] "legacy" `hedge_ms`: must be less than `timeout_ms`',
  ],
  [
    'a broken include',
    after({ ...kv, include: '(jpg' }),
    '[1] "media_kv" `include`: is not a valid regular expression (',
    'Unterminated group',
  ],
  [
    'a broken exclude in a list',
    after({ ...kv, exclude: ['jpg$', '[z-a]'] }),
    '[1] "media_kv" `exclude`: is not a valid regular expression (',
  ],
  [
    'an empty list of includes',
    after({ ...kv, include: [] }),
    '`include`: must be a regular expression, or a list',
  ],
  [
    'an absolute prefix',
    after({ ...kv, prefix: '/media/' }),
    '[1] "media_kv" `prefix`: must not begin with "/"',
    'remove the leading slash',
  ],
  [
    'a prefix with dot segments',
    after({ ...kv, prefix: 'a/../b/' }),
    '`prefix`: must not contain a "." or ".." segment',
  ],
  [
    'a prefix with a control character',
    after({ ...kv, prefix: 'a\n' }),
    '`prefix`: must be shorter than 1024 bytes and contain no control characters',
  ],
  [
    'a relative public_url',
    after({ ...s3, public_url: 'media/' }),
    '[1] "legacy" `public_url`: must be an absolute URL or an absolute path like "/media/"',
  ],
  [
    'a public_url without a scheme',
    after({ ...s3, public_url: '//cdn.example.com/' }),
    '`public_url`: must be an absolute URL',
  ],
  [
    'a public_url with a query',
    after({ ...s3, public_url: '/media/?v=1' }),
    '`public_url`: must not contain a query',
    'remove everything from the "?"',
  ],
]
