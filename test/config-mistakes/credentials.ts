import { type Row, withVars } from './samples.ts'

/** No message may contain it. */
const SECRET = 'hush-hush-hush-hush'
const ci = { name: 'ci', token: SECRET, scopes: ['write'] }

function tokens(...list: unknown[]): Record<string, unknown> {
  return withVars({ API_TOKENS: JSON.stringify(list) })
}

const FIX = 'npx wrangler secret put API_TOKENS'

export const credentialMistakes: Row[] = [
  [
    'tokens in no JSON',
    withVars({ API_TOKENS: `[{name: "ci", token: "${SECRET}"}]` }),
    'API_TOKENS: is not valid JSON (at position 2); write [{"name": "ci", "token": "…", "scopes": ["write"]}]',
    FIX,
  ],
  ['a bare token', withVars({ API_TOKENS: SECRET }), 'API_TOKENS: is not valid JSON', FIX],
  [
    'a token as a table',
    withVars({ API_TOKENS: JSON.stringify({ ci: SECRET }) }),
    'API_TOKENS: must be an array of tables',
    FIX,
  ],
  ['a list of bare tokens', tokens(SECRET), 'API_TOKENS[0]: must be a table like {"name": "ci"'],
  ['a token without a name', tokens({ ...ci, name: undefined }), 'API_TOKENS[0] `name`: is missing: it must'],
  [
    'a name with a space',
    tokens(ci, { ...ci, token: `${SECRET}2`, name: 'the ci' }),
    'API_TOKENS[1] `name`: must begin with a letter',
  ],
  [
    'a name without a token',
    tokens({ name: 'ci', scopes: ['read'] }),
    'API_TOKENS[0] "ci" `token`: is missing: it must be a bearer token of at least 16 characters',
    'openssl rand -hex 32',
  ],
  [
    'a token that is too short',
    tokens({ ...ci, token: 'hush-hush' }),
    'API_TOKENS[0] "ci" `token`: must be a bearer token of at least 16 characters',
    'openssl rand -hex 32',
  ],
  [
    'a token that no header can carry',
    tokens({ ...ci, token: `${SECRET}\n` }),
    'API_TOKENS[0] "ci" `token`: must be a bearer token',
    'without spaces or line breaks',
  ],
  [
    'a token that is a number',
    tokens({ ...ci, token: 1234567890123456 }),
    'API_TOKENS[0] "ci" `token`: must',
  ],
  [
    'a token without scopes',
    tokens({ name: 'ci', token: SECRET }),
    'API_TOKENS[0] "ci" `scopes`: is missing: it must be a list with at least one of "read", "write", "admin"',
  ],
  ['no scope at all', tokens({ ...ci, scopes: [] }), '`scopes`: must be a list with at least one of'],
  ['a scope that is no list', tokens({ ...ci, scopes: 'write' }), '`scopes`: must be a list with at least'],
  [
    'an unknown scope',
    tokens({ ...ci, scopes: ['read', 'delete'] }),
    'API_TOKENS[0] "ci" `scopes`: must be a list with at least one of "read", "write", "admin"',
  ],
  [
    'a mistyped key of a token',
    tokens({ ...ci, prefixs: 'a/' }),
    'API_TOKENS[0] "ci" `prefixs`: is unknown; did you mean `prefix`?',
  ],
  [
    'a token as a key',
    tokens({ ...ci, [SECRET]: 'x' }),
    'API_TOKENS[0] "ci": has an unknown key; the keys are name, token, scopes, prefix',
  ],
  [
    'an empty prefix',
    tokens({ ...ci, prefix: '' }),
    '`prefix`: must not be empty; leave it out for all names',
  ],
  ['a prefix without its slash', tokens({ ...ci, prefix: 'photos' }), '`prefix`: must end with "/"'],
  [
    'a prefix with a leading slash',
    tokens({ ...ci, prefix: '/photos/' }),
    '`prefix`: must not begin with "/"',
  ],
  ['a prefix with dots', tokens({ ...ci, prefix: 'a/../b/' }), '`prefix`: must not contain a "." or ".."'],
  ["a prefix of the API's own", tokens({ ...ci, prefix: '-/staged/' }), '`prefix`: must not be below "-/"'],
  ['a prefix that is no text', tokens({ ...ci, prefix: ['a/'] }), '`prefix`: must be a string'],
  [
    'two tokens of one name',
    tokens(ci, { ...ci, token: `${SECRET}2` }),
    'API_TOKENS[1] "ci" `name`: is the name of another token too; give each a name of its own',
  ],
  [
    'one token twice',
    tokens(ci, { ...ci, name: 'other' }),
    'API_TOKENS[1] "other" `token`: is the same as that of another entry',
    'openssl rand -hex 32',
  ],
  [
    'the token of API_TOKEN again',
    withVars({ API_TOKEN: SECRET, API_TOKENS: JSON.stringify([ci]) }),
    'API_TOKENS[0] "ci" `token`: is the same as that of another entry',
  ],
  [
    'a token that is called as API_TOKEN is',
    withVars({ API_TOKEN: 'x', API_TOKENS: JSON.stringify([{ ...ci, name: 'API_TOKEN' }]) }),
    'API_TOKENS[0] "API_TOKEN" `name`: is the name of another token too',
  ],
  [
    'a token as the name of another',
    tokens({ ...ci, name: 'other', token: `${SECRET}2` }, { ...ci, name: `${SECRET}2` }),
    'API_TOKENS[1] `name`: must not be a token: names are shown in logs',
  ],
  [
    'a token as its own name',
    tokens({ ...ci, name: SECRET }),
    'API_TOKENS[0] `name`: must not be a token: names are shown in logs',
  ],
  [
    'a name and a token in each other’s place',
    tokens({ ...ci, name: SECRET, token: 'ci' }),
    'API_TOKENS[0] `token`: must be a bearer token of at least 16 characters',
  ],
  [
    'an unknown way to read media',
    withVars({ MEDIA_ACCESS: 'private' }),
    'MEDIA_ACCESS: must be "public", "token" or "signed"',
  ],
  [
    'a secret for events that is short',
    withVars({ EVENTS_SECRET: SECRET }),
    'EVENTS_SECRET: must be at least 24 letters, digits',
    'npx wrangler secret put EVENTS_SECRET',
  ],
  [
    'a secret for events that is no part of a URL',
    withVars({ EVENTS_SECRET: `${SECRET} ${SECRET}` }),
    'EVENTS_SECRET: must be at least 24 letters, digits',
  ],
]
