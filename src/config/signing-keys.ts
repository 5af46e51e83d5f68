import * as v from 'valibot'
import type { SigningKey } from '../access/signed-url.ts'
import type { Env } from './bindings.ts'
import type { Mistake } from './errors.ts'
import { isPrintable, text } from './schemas.ts'
import { readSecretList, type SecretList } from './secret-list.ts'

const schema = v.object({
  id: text(
    'must be 1 to 32 letters, digits, "_" or "-", e.g. "2026-11": it is part of every URL that the key signs',
    (value) => /^[\w-]{1,32}$/.test(value),
  ),
  key: text(
    'must be at least 32 characters, without line breaks or outer spaces; make one with: openssl rand -base64 32',
    (value) => value.length >= 32 && value === value.trim() && isPrintable(value),
  ),
})

export type SigningKeyTable = v.InferInput<typeof schema>

const EXAMPLE = '{"id": "2026-11", "key": "…"}'

export const URL_SIGNING_KEYS: SecretList<typeof schema.entries> = {
  variable: 'URL_SIGNING_KEYS',
  example: EXAMPLE,
  schema,
  id: 'id',
  secret: 'key',
  problems: {
    idIsSecret: 'must not be the key itself: ids are part of URLs',
    sameId: 'is the id of another key too; give each an id of its own',
    empty: `is empty; list at least one key: [${EXAMPLE}], or remove it`,
  },
}

/** The keys in `URL_SIGNING_KEYS`: the first signs, all verify. What is wrong goes to `mistakes`, without any key. */
export function readSigningKeys(env: Env, mistakes: Mistake[]): SigningKey[] {
  const { variable } = URL_SIGNING_KEYS
  if (!env[variable] && env['MEDIA_ACCESS'] === 'signed')
    mistakes.push({
      variable,
      problem: `is not set, and MEDIA_ACCESS = "signed" needs it; set it with: npx wrangler secret put ${variable} (in development: a line in .dev.vars)`,
    })
  return readSecretList(URL_SIGNING_KEYS, { env, mistakes })
}
