import { env as bound } from 'cloudflare:workers'
import { r2, kv, s3, after, withVars, type Row } from './samples.ts'

export const bindingMistakes: Row[] = [
  [
    'no binding named',
    after({ type: 'kv', name: 'old' }),
    '[1] "old" `binding`: is missing: set it to the binding of a KV namespace; use `MEDIA_KV`, or add one',
  ],
  [
    'a binding that is not there',
    after({ type: 'r2', binding: 'OLD' }),
    '[1] "old" `binding`: there is no binding `OLD`; use `MEDIA`, or add one under [[r2_buckets]] in wrangler.toml',
  ],
  [
    'a mistyped binding',
    after({ type: 'kv', binding: 'MEDIA_KVV' }),
    '`binding`: there is no binding `MEDIA_KVV`; use `MEDIA_KV`, or add one',
  ],
  [
    'a KV binding for r2',
    after({ type: 'r2', binding: 'MEDIA_KV' }),
    '[1] "media_kv" `binding`: `MEDIA_KV` is a KV namespace, not an R2 bucket; use `MEDIA`',
  ],
  [
    'an R2 binding for kv',
    after({ type: 'kv', name: 'old', binding: 'MEDIA' }),
    '[1] "old" `binding`: `MEDIA` is an R2 bucket, not a KV namespace; use `MEDIA_KV`',
  ],
  [
    'a bucket for http',
    after({ type: 'http', name: 'old', binding: 'MEDIA' }),
    '`binding`: `MEDIA` is an R2 bucket, not a Fetcher; use `ASSETS`',
  ],
  [
    'a variable as binding',
    after({ type: 'r2', name: 'old', binding: 'LEGACY_ACCESS_KEY_ID' }),
    '`binding`: `LEGACY_ACCESS_KEY_ID` is a variable or secret, not an R2 bucket',
  ],
  [
    'nothing of the kind bound',
    { MEDIA: bound.MEDIA, FALLBACK_STORAGES: [r2, kv] },
    '`binding`: there is no binding `MEDIA_KV`; add one under [[kv_namespaces]] in wrangler.toml',
  ],
  [
    'a binding that is a table',
    after({ type: 'r2', name: 'old', binding: {} }),
    '[1] "old" `binding`: must be the name of a binding',
  ],
  [
    'credentials whose secrets are not set',
    after({ ...s3, credentials: 'OLD' }, { OLD_ACCESS_KEY_ID: 'id' }),
    '[1] "legacy" `credentials`: the secret `OLD_SECRET_ACCESS_KEY` is not set',
    'npx wrangler secret put OLD_SECRET_ACCESS_KEY',
  ],
  [
    'credentials that end in a line break',
    after({ ...s3, credentials: 'LEGACY' }, { LEGACY_SECRET_ACCESS_KEY: 'hush-hush\n' }),
    '`credentials`: the secret `LEGACY_SECRET_ACCESS_KEY` contains a line break',
  ],
  [
    'credentials that are the whole name',
    after({ ...s3, credentials: 'LEGACY_ACCESS_KEY_ID' }),
    '[1] "legacy" `credentials`: must be the common prefix of the secrets\' names',
  ],
  [
    'credentials that are a key',
    after({ ...s3, credentials: 'AKIAIOSFODNN7EXAMPLE' }),
    '`credentials`: must be the common prefix of the secrets',
  ],
  [
    'credentials in the table',
    after({ ...s3, credentials: { id: 'hush-hush' } }),
    '`credentials`: must be the common prefix of the secrets',
  ],
  [
    'a bucket as COPY_QUEUE',
    withVars({ COPY_QUEUE: bound.MEDIA }),
    'COPY_QUEUE: `COPY_QUEUE` is an R2 bucket, not a queue',
    '[[queues.producers]]',
  ],
  [
    'a variable as BACKFILL_JOBS',
    withVars({ BACKFILL_JOBS: 'on' }),
    'BACKFILL_JOBS: `BACKFILL_JOBS` is a variable or secret, not a Durable Object namespace',
  ],
]
