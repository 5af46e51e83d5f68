import { withVars, type Row } from './samples.ts'

const KEY = 'hush-hush, this is a long key for URLs'
const OTHER = 'hush-hush, this is another key for URLs'

function withKeys(keys: unknown, vars: Record<string, unknown> = {}) {
  return withVars({ URL_SIGNING_KEYS: keys, ...vars })
}

export const signingKeyMistakes: Row[] = [
  [
    'signed reads without keys',
    withVars({ MEDIA_ACCESS: 'signed' }),
    'URL_SIGNING_KEYS: is not set, and MEDIA_ACCESS = "signed" needs it',
    'npx wrangler secret put URL_SIGNING_KEYS',
  ],
  [
    'signed reads with an empty secret',
    withKeys('', { MEDIA_ACCESS: 'signed' }),
    'URL_SIGNING_KEYS: is not set',
  ],
  ['no keys in the list', withKeys('[]', { MEDIA_ACCESS: 'signed' }), 'URL_SIGNING_KEYS: is empty'],
  [
    'signing keys that are not JSON',
    withKeys(`[{"id": "a", "key": "${KEY}",}]`, { MEDIA_ACCESS: 'signed' }),
    'URL_SIGNING_KEYS: is not valid JSON',
    '[{"id": "2026-11", "key": "…"}]',
  ],
  [
    'a signing key by itself',
    withKeys(KEY),
    'URL_SIGNING_KEYS: is not valid JSON',
    'set all of it again with: npx wrangler secret put URL_SIGNING_KEYS',
  ],
  ['an object instead of a list', withKeys({ id: 'a', key: KEY }), 'URL_SIGNING_KEYS: must be an array'],
  ['a list of keys without ids', withKeys([KEY]), 'URL_SIGNING_KEYS[0]: must be a table like {"id"'],
  [
    'a key without an id',
    withKeys([{ key: KEY }]),
    'URL_SIGNING_KEYS[0] `id`: is missing: it must be 1 to 32 letters',
  ],
  [
    'an id without a key',
    withKeys([{ id: 'a', key: KEY }, { id: 'b' }]),
    'URL_SIGNING_KEYS[1] `key`: is missing: it must be at least 32 characters',
  ],
  [
    'an id that no URL can show',
    withKeys([{ id: 'a b', key: KEY }]),
    'URL_SIGNING_KEYS[0] `id`: must be 1 to 32 letters, digits, "_" or "-"',
  ],
  [
    'an id of 33 characters',
    withKeys([{ id: 'x'.repeat(33), key: KEY }]),
    'URL_SIGNING_KEYS[0] `id`: must be 1 to 32',
  ],
  [
    'a short key',
    withKeys([{ id: 'a', key: `hush-hush${'x'.repeat(22)}` }]),
    'URL_SIGNING_KEYS[0] `key`: must be at least 32 characters',
    'openssl rand -base64 32',
  ],
  [
    'a key with a line break',
    withKeys([{ id: 'a', key: `${KEY}\n` }]),
    'URL_SIGNING_KEYS[0] `key`: must be at least 32 characters, without line breaks',
  ],
  [
    'a key that is a number',
    withKeys([{ id: 'a', key: 1e40 }]),
    'URL_SIGNING_KEYS[0] `key`: must be at least 32',
  ],
  [
    'two keys with one id',
    withKeys([
      { id: 'a', key: KEY },
      { id: 'a', key: OTHER },
    ]),
    'URL_SIGNING_KEYS[1] `id`: is the id of another key too',
  ],
  [
    'a key as its own id',
    withKeys([{ id: 'hush-hush-hush-hush-hush-hush-32', key: 'hush-hush-hush-hush-hush-hush-32' }]),
    'URL_SIGNING_KEYS[0] `id`: must not be the key itself',
  ],
  [
    'a mistyped key',
    withKeys([{ id: 'a', key: KEY, kye: OTHER }]),
    'URL_SIGNING_KEYS[0] `kye`: is unknown; did you mean `key`?',
  ],
  [
    'a key as the name of a setting',
    withKeys([{ id: 'a', key: KEY, [OTHER]: true }]),
    'URL_SIGNING_KEYS[0]: has an unknown key; the keys are id, key',
  ],
  [
    'a mistyped variable',
    withVars({ URL_SIGNING_KEY: `[{"id": "a", "key": "${KEY}"}]` }),
    'URL_SIGNING_KEY: is unknown; did you mean `URL_SIGNING_KEYS`?',
  ],
]
