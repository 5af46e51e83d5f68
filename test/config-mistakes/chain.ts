import { bindings, r2, kv, after, withVars, type Row } from './samples.ts'

export const chainMistakes: Row[] = [
  ['a missing chain', { ...bindings }, 'FALLBACK_STORAGES: is missing', 'FALLBACK_STORAGES = [{'],
  ['an empty chain', withVars({ FALLBACK_STORAGES: [] }), 'FALLBACK_STORAGES: is empty', 'at least one'],
  ['a chain that is a table', withVars({ FALLBACK_STORAGES: r2 }), 'FALLBACK_STORAGES: must be an array'],
  [
    'a chain that is a JSON number',
    withVars({ FALLBACK_STORAGES: '7' }),
    'FALLBACK_STORAGES: must be an array',
  ],
  [
    'broken JSON',
    withVars({ FALLBACK_STORAGES: '[{"type": "r2",}]' }),
    'FALLBACK_STORAGES: is not valid JSON',
    'position 15',
    'double quotes',
  ],
  [
    'a backend that is a string',
    withVars({ FALLBACK_STORAGES: [r2, 'kv'] }),
    'FALLBACK_STORAGES[1]: must be a table with a `type`',
  ],
  [
    'a backend that is null',
    withVars({ FALLBACK_STORAGES: [r2, null] }),
    'FALLBACK_STORAGES[1]: must be a table',
  ],
  [
    'a backend without a type',
    after({ name: 'old' }),
    '[1] "old" `type`: is missing: set it to "r2", "kv", "s3", "http" or "placeholder"',
  ],
  [
    'a mistyped key `type`',
    after({ name: 'old', tpye: 's3' }),
    '[1] "old" `type`: is missing',
    'did you mean `type` instead of `tpye`?',
  ],
  [
    'an unknown type',
    after({ type: 'gcs', name: 'old' }),
    '[1] "old" `type`: must be "r2", "kv", "s3", "http" or "placeholder"',
  ],
  ['a mistyped type', after({ type: 'htpp', name: 'old' }), '[1] "old" `type`', 'did you mean `http`?'],
  ['a type that is a number', after({ type: 3, name: 'old' }), '[1] "old" `type`: must be "r2"'],
  [
    'two backends of one name',
    after({ ...kv, name: 'media' }),
    '[1] "media" `name`: is already the name of FALLBACK_STORAGES[0]',
    'its own `name`',
  ],
  [
    'two backends of one default name',
    after(r2),
    '[1] "media" `name`: is already the name of FALLBACK_STORAGES[0]',
  ],
  [
    'two backends of one bucket',
    after({ ...r2, name: 'archive' }),
    '[1] "archive" `prefix`: must differ from that of media: both backends are the same storage',
  ],
  [
    'two backends of one bucket, one of them for a part of it',
    after({ ...r2, name: 'archive', include: '^old/' }),
    '[1] "archive" `prefix`: must differ from that of media',
  ],
  [
    'a name with a space',
    after({ ...kv, name: 'my store' }),
    '[1] "media_kv" `name`: must begin with a letter',
  ],
  ['a name that is a number', after({ ...kv, name: 7 }), '[1] "media_kv" `name`: must begin with a letter'],
]
