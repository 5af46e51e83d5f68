import * as v from 'valibot'
import type { Token } from '../access/tokens.ts'
import { type Scope, SCOPES } from '../schemas/routes.ts'
import type { Env } from './bindings.ts'
import type { Mistake } from './errors.ts'
import { isTable } from './json-list.ts'
import { isShortName, namePrefix, text } from './schemas.ts'
import { readSecretList, type SecretList } from './secret-list.ts'

/** What an `Authorization: Bearer` header can carry (RFC 6750 §2.1). */
const BEARER = /^[\w\-.~+/]+=*$/
const CHARACTERS = 'letters, digits, "-", ".", "_", "~", "+", "/", without spaces or line breaks'
const MIN_TOKEN_LENGTH = 16

export const apiToken = text(
  `must be a bearer token: ${CHARACTERS}; set it again with: npx wrangler secret put API_TOKEN`,
  (value) => BEARER.test(value),
)

/** It is part of URLs. */
export const eventsSecret = text(
  'must be at least 24 letters, digits, "-", ".", "_" and "~"; make one with: openssl rand -hex 32, and set it again with: npx wrangler secret put EVENTS_SECRET',
  (value) => /^[\w\-.~]{24,}$/.test(value),
)

const TOKEN_MESSAGE = `must be a bearer token of at least ${MIN_TOKEN_LENGTH} characters: ${CHARACTERS}; make one with: openssl rand -hex 32`
const SCOPES_MESSAGE = `must be a list with at least one of ${SCOPES.map((scope) => `"${scope}"`).join(', ')}`

/** The widest of the scopes, which includes the others. */
export const scopeList = v.pipe(
  v.array(v.picklist(SCOPES, SCOPES_MESSAGE), SCOPES_MESSAGE),
  v.minLength(1, SCOPES_MESSAGE),
  v.transform((scopes) => SCOPES.findLast((scope) => scopes.includes(scope)) as Scope),
)

const schema = v.object({
  name: text(
    'must begin with a letter and hold only letters, digits, ".", "_" and "-", at most 64: it is shown in logs and job records',
    isShortName,
  ),
  token: text(TOKEN_MESSAGE, (value) => value.length >= MIN_TOKEN_LENGTH && BEARER.test(value)),
  scopes: scopeList,
  prefix: v.exactOptional(namePrefix),
})

export type TokenTable = v.InferInput<typeof schema>

export const API_TOKENS: SecretList<typeof schema.entries> = {
  variable: 'API_TOKENS',
  example: '{"name": "ci", "token": "…", "scopes": ["write"]}',
  schema,
  id: 'name',
  secret: 'token',
  problems: {
    idIsSecret: 'must not be a token: names are shown in logs',
    sameId: 'is the name of another token too; give each a name of its own',
    sameSecret: 'is the same as that of another entry; make one for each: openssl rand -hex 32',
  },
  nameOf,
}

/** The tokens of `API_TOKENS`, and that of `API_TOKEN`, which has every scope. What is wrong goes to `mistakes`, without any token. */
export function readTokens(env: Env, mistakes: Mistake[]): Token[] {
  const { API_TOKEN: token } = env
  const single = v.is(apiToken, token) ? [{ name: 'API_TOKEN', token, scope: 'admin' as const }] : []
  const tables = readSecretList(API_TOKENS, { env, mistakes, others: single })
  return [...single, ...tables.map(({ scopes: scope, ...others }) => ({ ...others, scope }))]
}

/** The entry's name for messages. Not if it could be a token: where the two were swapped, or one is both. */
function nameOf(raw: unknown, secrets: readonly unknown[]): string | undefined {
  if (!isTable(raw)) return undefined
  const { name, token } = raw
  if (!v.is(schema.entries.name, name) || secrets.includes(name)) return undefined
  return name.length < MIN_TOKEN_LENGTH || v.is(schema.entries.token, token) ? name : undefined
}
