import { type Row, withVars } from './samples.ts'

/** No message may contain it. */
const SECRET = 'hush-hush-hush-hush'
const key = { access_key_id: 'backup', secret_access_key: SECRET, scopes: ['write'] }

function withKeys(...list: unknown[]): Record<string, unknown> {
  return withVars({ S3_KEYS: JSON.stringify(list) })
}

const SET_AGAIN = 'set all of it again with: npx wrangler secret put S3_KEYS'
const NO_BUCKET = 'S3_BUCKET: must be a bucket name: 3 to 63 lower-case letters'
const SAME_HOST = 'S3_HOST: must not be the host of MEDIA_URL'
const NO_HOST = 'S3_HOST: must be a hostname in lower case, without "https://" and path'

export const s3KeyMistakes: Row[] = [
  [
    'S3 keys in no JSON',
    withVars({ S3_KEYS: `[{access_key_id: "backup", secret_access_key: "${SECRET}"}]` }),
    'S3_KEYS: is not valid JSON (at position 2); write [{"access_key_id": "backup"',
    SET_AGAIN,
  ],
  [
    'S3 keys as id and secret',
    withVars({ S3_KEYS: `backup:${SECRET}` }),
    'S3_KEYS: is not valid JSON',
    SET_AGAIN,
  ],
  [
    'one S3 key without a list',
    withVars({ S3_KEYS: JSON.stringify(key) }),
    'S3_KEYS: must be an array of tables',
    SET_AGAIN,
  ],
  ['a list of S3 secrets', withKeys(SECRET), 'S3_KEYS[0]: must be a table like {"access_key_id": "backup"'],
  [
    'an S3 key without an id',
    withKeys({ ...key, access_key_id: undefined }),
    'S3_KEYS[0] `access_key_id`: is missing: it must be 3 to 128 letters',
  ],
  [
    'an S3 key without a secret',
    withKeys(key, { access_key_id: 'other', scopes: ['read'] }),
    'S3_KEYS[1] `secret_access_key`: is missing: it must be at least 16 characters',
    'openssl rand -hex 32',
  ],
  [
    'an S3 secret that is too short',
    withKeys({ ...key, secret_access_key: 'hush-hush' }),
    'S3_KEYS[0] `secret_access_key`: must be at least 16 characters',
  ],
  [
    'an S3 secret with a line break',
    withKeys({ ...key, secret_access_key: `${SECRET}\n` }),
    'S3_KEYS[0] `secret_access_key`: must be at least 16 characters, without spaces or line breaks',
  ],
  [
    'an S3 secret that is a number',
    withKeys({ ...key, secret_access_key: 1e40 }),
    'S3_KEYS[0] `secret_access_key`: must be at least',
  ],
  [
    'an S3 key id with a slash',
    withKeys({ ...key, access_key_id: 'team/backup' }),
    'S3_KEYS[0] `access_key_id`: must be 3 to 128 letters',
  ],
  ['an S3 key id of two letters', withKeys({ ...key, access_key_id: 'ab' }), '`access_key_id`: must be 3'],
  [
    'an S3 key id of 129 letters',
    withKeys({ ...key, access_key_id: 'a'.repeat(129) }),
    '`access_key_id`: must be 3 to 128',
  ],
  [
    'two S3 keys with one id',
    withKeys(key, { ...key, secret_access_key: `${SECRET}2` }),
    'S3_KEYS[1] `access_key_id`: is the id of another key too; give each its own',
  ],
  [
    'an S3 secret as its own id',
    withKeys({ ...key, access_key_id: SECRET }),
    'S3_KEYS[0] `access_key_id`: must not be a secret: it is shown in logs',
  ],
  [
    'an S3 secret as the id of another key',
    withKeys({ ...key, access_key_id: `${SECRET}2` }, { ...key, secret_access_key: `${SECRET}2` }),
    'S3_KEYS[0] `access_key_id`: must not be a secret: it is shown in logs',
  ],
  [
    'an S3 key without scopes',
    withKeys({ ...key, scopes: undefined }),
    'S3_KEYS[0] `scopes`: is missing: it must be a list with at least one of "read", "write", "admin"',
  ],
  ['an S3 key with no scope', withKeys({ ...key, scopes: [] }), '`scopes`: must be a list with at least'],
  [
    'an S3 key with an unknown scope',
    withKeys({ ...key, scopes: ['write', 'delete'] }),
    'S3_KEYS[0] `scopes`: must be a list with at least one of',
  ],
  [
    'a prefix of an S3 key without its slash',
    withKeys({ ...key, prefix: 'photos' }),
    'S3_KEYS[0] `prefix`: must end with "/"',
  ],
  ['an empty prefix of an S3 key', withKeys({ ...key, prefix: '' }), '`prefix`: must not be empty'],
  [
    'a prefix of an S3 key with dots',
    withKeys({ ...key, prefix: 'a/../b/' }),
    '`prefix`: must not contain a "." or ".."',
  ],
  [
    'a mistyped part of an S3 key',
    withKeys({ ...key, prefixs: 'a/' }),
    'S3_KEYS[0] `prefixs`: is unknown; did you mean `prefix`?',
  ],
  [
    'an S3 secret as the name of a part',
    withKeys({ ...key, [SECRET]: true }),
    'S3_KEYS[0]: has an unknown key; the keys are access_key_id, secret_access_key, scopes, prefix',
  ],
  [
    'a mistyped S3_KEYS',
    withVars({ S3_KEY: JSON.stringify([key]) }),
    'S3_KEY: is unknown; did you mean `S3_KEYS`?',
  ],
  ['a bucket name in capitals', withVars({ S3_BUCKET: 'Media' }), NO_BUCKET],
  ['a bucket name with a slash', withVars({ S3_BUCKET: 'media/photos' }), NO_BUCKET],
  ['a bucket name with an underscore', withVars({ S3_BUCKET: 'my_media' }), NO_BUCKET],
  ['a bucket name of two letters', withVars({ S3_BUCKET: 'me' }), NO_BUCKET],
  ['a bucket name of 64 letters', withVars({ S3_BUCKET: 'a'.repeat(64) }), NO_BUCKET],
  ['a bucket name that ends in a dot', withVars({ S3_BUCKET: 'media.' }), NO_BUCKET],
  ['a bucket name that is no text', withVars({ S3_BUCKET: 123 }), NO_BUCKET],
  [
    'an S3 hostname that is that of the media',
    withVars({ S3_HOST: 'media.example.com', MEDIA_URL: 'https://media.example.com:8443/a/' }),
    SAME_HOST,
  ],
  [
    'an S3 hostname that is that of the media with its port',
    withVars({ S3_HOST: 'localhost:8787', MEDIA_URL: 'http://localhost:8787/' }),
    SAME_HOST,
  ],
  [
    'an S3 hostname that becomes that of the media with the bucket before it',
    withVars({ S3_HOST: 'example.com', S3_BUCKET: 'media', MEDIA_URL: 'https://media.example.com/' }),
    SAME_HOST,
  ],
  ['an S3 hostname with a scheme', withVars({ S3_HOST: 'https://s3.example.com' }), NO_HOST],
  ['an S3 hostname with a path', withVars({ S3_HOST: 's3.example.com/' }), NO_HOST],
  ['an S3 hostname in capitals', withVars({ S3_HOST: 'S3.example.com' }), NO_HOST],
  ['an S3 hostname with a wildcard', withVars({ S3_HOST: '*.example.com' }), NO_HOST],
  ['an S3 hostname with an empty part', withVars({ S3_HOST: 's3..example.com' }), NO_HOST],
  ['an S3 hostname with a final dot', withVars({ S3_HOST: 's3.example.com.' }), NO_HOST],
]
