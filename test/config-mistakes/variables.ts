import { withVars, type Row } from './samples.ts'

export const variableMistakes: Row[] = [
  [
    'a migration that is a word',
    withVars({ FALLBACK_DATA_MIGRATION: 'yes' }),
    'FALLBACK_DATA_MIGRATION: must be true or false',
  ],
  [
    'unknown deletes',
    withVars({ FALLBACK_DELETES: 'last' }),
    'FALLBACK_DELETES: must be "tombstone" or "first"',
  ],
  [
    'a MEDIA_URL that is a path',
    withVars({ MEDIA_URL: '/media/' }),
    'MEDIA_URL: must be an absolute http:// or https:// URL',
  ],
  [
    'a MEDIA_PATH without its last slash',
    withVars({ MEDIA_PATH: '/media' }),
    'MEDIA_PATH: must begin and end with "/"; write "/media/"',
  ],
  [
    'a MEDIA_PATH without slashes',
    withVars({ MEDIA_PATH: 'media' }),
    'MEDIA_PATH: must begin and end with "/"; write "/media/"',
  ],
  [
    'a MEDIA_PATH with an empty segment',
    withVars({ MEDIA_PATH: '/a//b/' }),
    'MEDIA_PATH: must not contain "//"; write "/a/b/"',
  ],
  ['a MEDIA_PATH of slashes', withVars({ MEDIA_PATH: '//' }), 'MEDIA_PATH: must not contain "//"; write "/"'],
  ['a MEDIA_PATH that is the API', withVars({ MEDIA_PATH: '/-/' }), 'MEDIA_PATH: must not be below "/-/"'],
  [
    'a MEDIA_PATH with a space',
    withVars({ MEDIA_PATH: '/my media/' }),
    'MEDIA_PATH: must be percent-encoded',
  ],
  [
    'a MEDIA_PATH with dot segments',
    withVars({ MEDIA_PATH: '/a/../' }),
    'MEDIA_PATH: must not contain a "." or ".." segment',
  ],
  [
    'a cache control with a line break',
    withVars({ MEDIA_CACHE_CONTROL: 'public\nx' }),
    'MEDIA_CACHE_CONTROL: must be a Cache-Control value',
  ],
  [
    'a CORS origin with a path',
    withVars({ MEDIA_CORS_ORIGINS: 'https://a.example, https://b.example/' }),
    'MEDIA_CORS_ORIGINS: must be "*" or a comma-separated list',
    'without path or trailing slash',
  ],
  [
    'a CORS wildcard in a list',
    withVars({ MEDIA_CORS_ORIGINS: '*,https://a.example' }),
    'MEDIA_CORS_ORIGINS: must be "*" or',
  ],
  [
    'a time at the edge with a unit',
    withVars({ MEDIA_EDGE_CACHE_SECONDS: '1h' }),
    'MEDIA_EDGE_CACHE_SECONDS: must be a whole number from 0 to 31536000',
  ],
  [
    'an upload limit with a unit',
    withVars({ MEDIA_MAX_UPLOAD_BYTES: '10MB' }),
    'MEDIA_MAX_UPLOAD_BYTES: must be a whole number from 1',
  ],
  [
    'a negative inline limit',
    withVars({ FALLBACK_INLINE_MAX_BYTES: -1 }),
    'FALLBACK_INLINE_MAX_BYTES: must be a whole number from 0 to 50331648',
  ],
  [
    'an inline limit beyond memory',
    withVars({ FALLBACK_INLINE_MAX_BYTES: '134217728' }),
    'FALLBACK_INLINE_MAX_BYTES: must be a whole number from 0 to 50331648',
  ],
  [
    'a negative cache time',
    withVars({ FALLBACK_NEGATIVE_CACHE_SECONDS: -5 }),
    'FALLBACK_NEGATIVE_CACHE_SECONDS: must be a number of seconds from 0',
  ],
  [
    'half a breaker failure',
    withVars({ FALLBACK_BREAKER_FAILURES: 0.5 }),
    'FALLBACK_BREAKER_FAILURES: must be a whole number from 0',
  ],
  [
    'a negative number of log lines',
    withVars({ FALLBACK_LOG_READS_PER_SECOND: -1 }),
    'FALLBACK_LOG_READS_PER_SECOND: must be a whole number from 0',
  ],
  [
    'a breaker that never opens',
    withVars({ FALLBACK_BREAKER_SECONDS: '0' }),
    'FALLBACK_BREAKER_SECONDS: must be a number of seconds from 0.1',
  ],
  [
    'a token with a line break',
    withVars({ API_TOKEN: 'hush-hush\n' }),
    'API_TOKEN: must be a bearer token',
    'npx wrangler secret put API_TOKEN',
  ],
  [
    'an audience that is a URL',
    withVars({ ACCESS_AUDIENCE: 'https://media.example/' }),
    'ACCESS_AUDIENCE: must be the Application Audience (AUD) Tag',
  ],
  ...[
    'my-team',
    'my team.cloudflareaccess.com',
    'https://my-team.cloudflareaccess.com/cdn-cgi/access/certs',
    'https://my-team.cloudflareaccess.com/?a',
    'https://user@my-team.cloudflareaccess.com',
    'http://my-team.cloudflareaccess.com',
    'http://127.0.0.1.example.com:8080',
    'ftp://my-team.cloudflareaccess.com',
  ].map((domain): Row => [
    `the team domain ${domain}`,
    withVars({ ACCESS_AUDIENCE: 'a'.repeat(64), ACCESS_TEAM_DOMAIN: domain }),
    'ACCESS_TEAM_DOMAIN: must be the team domain of Cloudflare Access',
  ]),
  [
    'a team domain without an audience',
    withVars({ ACCESS_TEAM_DOMAIN: 'my-team.cloudflareaccess.com' }),
    'ACCESS_AUDIENCE: is missing',
  ],
  [
    'a mistyped variable',
    withVars({ FALLBACK_DATA_MIGRATIONS: true }),
    'FALLBACK_DATA_MIGRATIONS: is unknown; did you mean `FALLBACK_DATA_MIGRATION`?',
  ],
  [
    'a mistyped media variable',
    withVars({ MEDIA_CORS_ORIGIN: '*' }),
    'MEDIA_CORS_ORIGIN: is unknown; did you mean `MEDIA_CORS_ORIGINS`?',
  ],
  [
    'a media variable of another case',
    withVars({ media_url: 'https://a.example' }),
    'media_url: is unknown; did you mean `MEDIA_URL`?',
  ],
]
