import { after, http, kv, r2, s3, type Row, withVars } from './samples.ts'

const SECRET = { PRODUCTION_AUTH: 'me:hush-hush' }
const rewriting = (rewrite: unknown) => after({ ...http, rewrite })

export const substituteMistakes: Row[] = [
  [
    'basic_auth with the credentials themselves',
    after({ ...http, basic_auth: 'me:hush-hush' }),
    '[1] "legacy" `basic_auth`: must be the name of the secret whose value is user:password',
    'npx wrangler secret put',
    '.dev.vars',
  ],
  [
    'basic_auth whose secret is not set',
    after({ ...http, basic_auth: 'PRODUCTION_AUTH' }),
    '[1] "legacy" `basic_auth`: the secret `PRODUCTION_AUTH` is not set',
    'npx wrangler secret put PRODUCTION_AUTH',
  ],
  [
    'basic_auth with a mistyped name',
    after({ ...http, basic_auth: 'PRODUCTION_AHTU' }, SECRET),
    'the secret `PRODUCTION_AHTU` is not set; did you mean `PRODUCTION_AUTH`?',
  ],
  [
    'basic_auth whose secret has no colon',
    after({ ...http, basic_auth: 'PRODUCTION_AUTH' }, { PRODUCTION_AUTH: 'hush-hush' }),
    '`basic_auth`: the secret `PRODUCTION_AUTH` must be user:password, but contains no colon',
    'npx wrangler secret put PRODUCTION_AUTH',
  ],
  [
    'basic_auth whose secret ends in a line break',
    after({ ...http, basic_auth: 'PRODUCTION_AUTH' }, { PRODUCTION_AUTH: 'me:hush-hush\n' }),
    '`basic_auth`: the secret `PRODUCTION_AUTH` contains a line break',
  ],
  [
    'basic_auth and the header that it sets',
    after({ ...http, basic_auth: 'PRODUCTION_AUTH', headers: { Authorization: 'x' } }, SECRET),
    '`headers.Authorization`: is set twice, here or by `basic_auth`; remove one of them',
  ],
  [
    'basic_auth for s3',
    after({ ...s3, basic_auth: 'PRODUCTION_AUTH' }, SECRET),
    '`basic_auth`: is not for s3 backends, only for http',
  ],
  [
    'a redirect to where clients would need basic_auth',
    after({ ...http, basic_auth: 'PRODUCTION_AUTH', redirect: true }, SECRET),
    '`redirect`: cannot be combined with `basic_auth`, which clients do not have; remove one of them',
  ],
  [
    'a redirect to a binding',
    after({ type: 'http', binding: 'ASSETS', redirect: true }),
    '[1] "assets" `redirect`: needs `public_url`: a binding has no URL',
  ],
  [
    'a redirect that is a word',
    after({ ...s3, redirect: 'always' }),
    '[1] "legacy" `redirect`: must be true or false',
  ],
  [
    'a redirect to KV',
    after({ ...kv, redirect: true }),
    '`redirect`: is not for kv backends, only for s3 and http',
  ],
  [
    'a redirect while media are not public',
    after({ ...s3, redirect: true }, { MEDIA_ACCESS: 'token' }),
    '[1] "legacy" `redirect`: needs MEDIA_ACCESS = "public"',
    'remove it',
  ],
  [
    'rewrite that is one pair',
    rewriting(['a', 'b']),
    '[1] "legacy" `rewrite`: must be a list of pairs of a regular expression and its replacement, e.g. [["',
  ],
  ['rewrite with half a pair', rewriting([['a']]), '`rewrite`: must be a list of pairs'],
  ['rewrite with three in a pair', rewriting([['a', 'b', 'c']]), '`rewrite`: must be a list of pairs'],
  ['rewrite with a number', rewriting([['a', 1]]), '`rewrite`: must be a list of pairs'],
  [
    'rewrite with a broken expression',
    rewriting([
      ['a', 'b'],
      ['(', ''],
    ]),
    '`rewrite`: rule 2 is not a valid regular expression (Invalid regular expression: /(/u: Unterminated group)',
  ],
  [
    'rewrite with a group that there is not',
    rewriting([['^(.+)-(?:a|b)(\\.png)$', '$1$3']]),
    '`rewrite`: rule 1 refers to $3, but its expression has 2 groups in parentheses',
  ],
  [
    'rewrite with two broken rules',
    rewriting([
      ['(', ''],
      ['a', 'b'],
      ['a', '$1'],
    ]),
    'rule 1 is not a valid regular expression',
    'rule 3 refers to $1, but its expression has 0 groups in parentheses',
  ],
  [
    'rewrite with an exponential expression',
    rewriting([['^(\\w+\\d*)+$', '$1']]),
    '`rewrite`: rule 1 repeats a group without limit',
  ],
  [
    'rewrite with another exponential expression',
    rewriting([['^(?:a|a|(?:b)){2,}$', '']]),
    'rule 1 repeats a group without limit',
  ],
  [
    'too many rules',
    rewriting(Array.from({ length: 21 }, () => ['a', 'b'])),
    '`rewrite`: must have at most 20 rules',
  ],
  [
    'a placeholder that is not last',
    withVars({ FALLBACK_STORAGES: [r2, { type: 'placeholder' }, http] }),
    '[1] "placeholder" `type`: must be last: what is behind it would never be tried',
  ],
  [
    'two placeholders',
    withVars({ FALLBACK_STORAGES: [r2, { type: 'placeholder' }, { type: 'placeholder', name: 'b' }] }),
    '[1] "placeholder" `type`: must be last',
  ],
  [
    'only a placeholder',
    withVars({ FALLBACK_STORAGES: [{ type: 'placeholder' }] }),
    '[0] "placeholder" `type`: cannot be the only backend, because it holds nothing; add one before it',
  ],
  [
    'a placeholder with a prefix',
    after({ type: 'placeholder', prefix: 'a/' }),
    '[1] "placeholder" `prefix`: is not for placeholder backends, only for r2 and kv and s3 and http; remove it',
  ],
  [
    'a placeholder with a bad name',
    after({ type: 'placeholder', name: '-' }),
    '`name`: must begin with a letter',
  ],
]
