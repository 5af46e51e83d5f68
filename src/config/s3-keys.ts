import * as v from 'valibot'
import type { S3Key } from '../access/s3-keys.ts'
import type { Env } from './bindings.ts'
import { scopeList } from './credentials.ts'
import type { Mistake } from './errors.ts'
import { isPrintable, namePrefix, text } from './schemas.ts'
import { readSecretList, type SecretList } from './secret-list.ts'

const MIN_SECRET_LENGTH = 16

const schema = v.object({
  access_key_id: text(
    'must be 3 to 128 letters, digits, "_", "-" or ".", e.g. "backup-2026": clients send it with every request, and it is shown in logs',
    (value) => /^[\w.-]{3,128}$/.test(value),
  ),
  secret_access_key: text(
    `must be at least ${MIN_SECRET_LENGTH} characters, without spaces or line breaks; make one with: openssl rand -hex 32`,
    (value) => value.length >= MIN_SECRET_LENGTH && isPrintable(value) && !/\s/.test(value),
  ),
  scopes: scopeList,
  prefix: v.exactOptional(namePrefix),
})

export type S3KeyTable = v.InferInput<typeof schema>

export const S3_KEYS: SecretList<typeof schema.entries> = {
  variable: 'S3_KEYS',
  example: '{"access_key_id": "backup", "secret_access_key": "…", "scopes": ["write"]}',
  schema,
  id: 'access_key_id',
  secret: 'secret_access_key',
  problems: {
    idIsSecret: 'must not be a secret: it is shown in logs',
    sameId: 'is the id of another key too; give each its own',
  },
}

/** The keys of `S3_KEYS`. What is wrong goes to `mistakes`, without any secret. */
export function readS3Keys(env: Env, mistakes: Mistake[]): S3Key[] {
  const tables = readSecretList(S3_KEYS, { env, mistakes })
  return tables.map(({ access_key_id: id, secret_access_key: secret, scopes: scope, ...others }) => ({
    id,
    secret,
    scope,
    ...others,
  }))
}
