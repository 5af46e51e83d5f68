import * as v from 'valibot'
import type { S3Key } from '../access/s3-keys.ts'
import { SCOPES } from '../schemas/routes.ts'
import type { Env } from './bindings.ts'
import { scopeList } from './credentials.ts'
import type { Mistake } from './errors.ts'
import { isTable, readJsonList, readTable, type Report } from './json-list.ts'
import { isPrintable, namePrefix, text } from './schemas.ts'

const MIN_SECRET_LENGTH = 16

const keyTable = v.object({
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

const VARIABLE = 'S3_KEYS'
const EXAMPLE = '{"access_key_id": "backup", "secret_access_key": "…", "scopes": ["write"]}'
const SET_AGAIN = `set all of it again with: npx wrangler secret put ${VARIABLE}`

/** The keys of `S3_KEYS`. What is wrong goes to `mistakes`, without any secret. */
export function readS3Keys(env: Env, mistakes: Mistake[]): S3Key[] {
  const { [VARIABLE]: given } = env
  if (given === undefined || given === '') return []
  const list = readJsonList(given, EXAMPLE)
  if ('problem' in list) {
    mistakes.push({ variable: VARIABLE, problem: `${list.problem}; ${SET_AGAIN}` })
    return []
  }
  const secrets = list.value.map((raw) => (isTable(raw) ? raw['secret_access_key'] : raw))
  const keys: S3Key[] = []
  for (const [index, raw] of list.value.entries()) {
    const report: Report = (problem, key) => {
      mistakes.push({ variable: VARIABLE, entry: { index }, ...(key !== undefined && { key }), problem })
    }
    const table = readTable(keyTable, raw, { example: EXAMPLE, report })
    const scope = table && SCOPES.findLast((one) => table.scopes.includes(one))
    if (!table || !scope) continue
    const { access_key_id: id, secret_access_key: secret, prefix } = table
    if (secrets.includes(id)) report('must not be a secret: it is shown in logs', 'access_key_id')
    if (keys.some((other) => other.id === id))
      report('is the id of another key too; give each its own', 'access_key_id')
    keys.push({ id, secret, scope, ...(prefix !== undefined && { prefix }) })
  }
  return keys
}
