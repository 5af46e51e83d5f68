import { env } from 'cloudflare:workers'
import { after, bindings, kv, r2, s3, type Row } from './samples.ts'

const bound = { COPY_QUEUE: env.COPY_QUEUE, MIRROR_LOG: env.JOB_INDEX }
const mirror = { ...s3, mirror: true }

export const mirrorMistakes: Row[] = [
  [
    'a mirror that is not true or "keep-deleted"',
    after({ ...s3, mirror: 'yes' }),
    'FALLBACK_STORAGES[1] "legacy" `mirror`: must be true, false or "keep-deleted"',
  ],
  [
    'a mirror as the primary',
    { ...bindings, ...bound, FALLBACK_STORAGES: [{ ...r2, mirror: true }] },
    'FALLBACK_STORAGES[0] "media" `mirror`: cannot be set on the primary',
  ],
  [
    'a mirror that is read only',
    after({ ...mirror, read_only: true }, bound),
    'FALLBACK_STORAGES[1] "legacy" `read_only`: must be false for a mirror; remove it',
  ],
  [
    'a mirror before a backend that takes writes',
    { ...bindings, ...bound, FALLBACK_STORAGES: [r2, mirror, kv] },
    'FALLBACK_STORAGES[2] "media_kv" `type`: is writable, so it must come before every mirror: move it up',
  ],
  [
    'a mirror after a fallback that is only read',
    {
      ...bindings,
      ...bound,
      FALLBACK_STORAGES: [r2, { type: 'http', name: 'old', url: 'https://old.example.com/' }, mirror],
    },
    'FALLBACK_STORAGES[2] "legacy" `mirror`: must come before old,',
    'move it up',
  ],
  [
    'a mirror without tombstones',
    after(mirror, { ...bound, FALLBACK_DELETES: 'first' }),
    'FALLBACK_DELETES: cannot be "first" with a mirror',
    'remove it',
  ],
  [
    'a mirror without a queue',
    after(mirror, { MIRROR_LOG: bound.MIRROR_LOG }),
    'COPY_QUEUE: is missing: a mirror needs it; bind it as in wrangler.toml',
  ],
  [
    'a mirror without the log',
    after(mirror, { COPY_QUEUE: bound.COPY_QUEUE }),
    'MIRROR_LOG: is missing: a mirror needs it; bind it as in wrangler.toml',
  ],
  [
    'a mirror that is an origin',
    after({ type: 'http', name: 'legacy', url: 'https://old.example.com/', mirror: true }),
    'FALLBACK_STORAGES[1] "legacy" `mirror`: is not for http backends, only for r2 and kv and s3; remove it',
  ],
  [
    'a share of more than 100 percent',
    { ...bindings, FALLBACK_STORAGES: [r2], FALLBACK_SHADOW_PERCENT: 101 },
    'FALLBACK_SHADOW_PERCENT: must be a percentage from 0 to 100',
  ],
]
