import * as v from 'valibot'
import type { Token } from '../access/tokens.ts'
import { SCOPES } from '../schemas/routes.ts'
import type { Env } from './bindings.ts'
import type { Mistake } from './errors.ts'
import { isTable, readJsonList, readTable, type Report } from './json-list.ts'
import { namePrefix, text } from './schemas.ts'

/** What an `Authorization: Bearer` header can carry (RFC 6750 §2.1). */
const BEARER = /^[\w\-.~+/]+=*$/
const CHARACTERS = 'letters, digits, "-", ".", "_", "~", "+", "/", without spaces or line breaks'
const MIN_TOKEN_LENGTH = 16

export const apiToken = text(
  `must be a bearer token: ${CHARACTERS}; set it again with: npx wrangler secret put API_TOKEN`,
  (value) => BEARER.test(value),
)

const TOKEN_MESSAGE = `must be a bearer token of at least ${MIN_TOKEN_LENGTH} characters: ${CHARACTERS}; make one with: openssl rand -hex 32`
const SCOPES_MESSAGE = `must be a list with at least one of ${SCOPES.map((scope) => `"${scope}"`).join(', ')}`

export const scopeList = v.pipe(
  v.array(v.picklist(SCOPES, SCOPES_MESSAGE), SCOPES_MESSAGE),
  v.minLength(1, SCOPES_MESSAGE),
)

const tokenTable = v.object({
  name: text(
    'must begin with a letter and hold only letters, digits, ".", "_" and "-", at most 64: it is shown in logs and job records',
    (value) => /^[a-z][\w.-]{0,63}$/i.test(value),
  ),
  token: text(TOKEN_MESSAGE, (value) => value.length >= MIN_TOKEN_LENGTH && BEARER.test(value)),
  scopes: scopeList,
  prefix: v.exactOptional(namePrefix),
})

const VARIABLE = 'API_TOKENS'
const EXAMPLE = '{"name": "ci", "token": "…", "scopes": ["write"]}'
const SET_AGAIN = `set all of it again with: npx wrangler secret put ${VARIABLE}`

/** The tokens of `API_TOKENS`, and that of `API_TOKEN`, which has every scope. What is wrong goes to `mistakes`, without any token. */
export function readTokens(env: Env, mistakes: Mistake[]): Token[] {
  const { API_TOKEN: single, [VARIABLE]: given } = env
  const tokens: Token[] = v.is(apiToken, single) ? [{ name: 'API_TOKEN', token: single, scope: 'admin' }] : []
  if (given === undefined || given === '') return tokens
  const list = readJsonList(given, EXAMPLE)
  if ('problem' in list) {
    mistakes.push({ variable: VARIABLE, problem: `${list.problem}; ${SET_AGAIN}` })
    return tokens
  }
  const secrets = [single, ...list.value.map((raw) => (isTable(raw) ? raw['token'] : raw))]
  for (const [index, raw] of list.value.entries()) {
    const report: Report = (problem, key) => {
      const name = nameOf(raw, secrets)
      const entry = { index, ...(name !== undefined && { name }) }
      mistakes.push({ variable: VARIABLE, entry, ...(key !== undefined && { key }), problem })
    }
    const token = readToken(raw, report)
    if (!token) continue
    if (secrets.includes(token.name)) report('must not be a token: names are shown in logs', 'name')
    if (tokens.some(({ name }) => name === token.name))
      report('is the name of another token too; give each a name of its own', 'name')
    if (tokens.some((other) => other.token === token.token))
      report('is the same as that of another entry; make one for each: openssl rand -hex 32', 'token')
    tokens.push(token)
  }
  return tokens
}

function readToken(raw: unknown, report: Report): Token | undefined {
  const table = readTable(tokenTable, raw, { example: EXAMPLE, report })
  if (!table) return undefined
  const { name, token, scopes, prefix } = table
  const scope = SCOPES.findLast((one) => scopes.includes(one))
  return scope && { name, token, scope, ...(prefix !== undefined && { prefix }) }
}

/** The entry's name for messages. Not if it could be a token: where the two were swapped, or one is both. */
function nameOf(raw: unknown, secrets: readonly unknown[]): string | undefined {
  if (!isTable(raw)) return undefined
  const { name, token } = raw
  if (!v.is(tokenTable.entries.name, name) || secrets.includes(name)) return undefined
  return name.length < MIN_TOKEN_LENGTH || v.is(tokenTable.entries.token, token) ? name : undefined
}
