import * as v from 'valibot'
import { createUrlSigner, type SigningKey, type UrlSigner } from '../access/signed-url.ts'
import type { Env } from './bindings.ts'
import type { Mistake } from './errors.ts'
import { readJsonList, readTable, type Report } from './json-list.ts'
import { isPrintable, text } from './schemas.ts'

const keyTable = v.object({
  id: text(
    'must be 1 to 32 letters, digits, "_" or "-", e.g. "2026-11": it is part of every URL that the key signs',
    (value) => /^[\w-]{1,32}$/.test(value),
  ),
  key: text(
    'must be at least 32 characters, without line breaks or outer spaces; make one with: openssl rand -base64 32',
    (value) => value.length >= 32 && value === value.trim() && isPrintable(value),
  ),
})

const VARIABLE = 'URL_SIGNING_KEYS'
const EXAMPLE = '{"id": "2026-11", "key": "…"}'
const SET_AGAIN = `set all of it again with: npx wrangler secret put ${VARIABLE}`

/** Signs URLs with the first key of `URL_SIGNING_KEYS`, and verifies with all. What is wrong goes to `mistakes`, without any key. */
export function readUrlSigner(env: Env, mistakes: Mistake[]): UrlSigner | undefined {
  const { [VARIABLE]: given, MEDIA_ACCESS: access } = env
  const fail = (problem: string): undefined => void mistakes.push({ variable: VARIABLE, problem })
  if (given === undefined || given === '')
    return access === 'signed'
      ? fail(
          'is not set, and MEDIA_ACCESS = "signed" needs it; set it with: npx wrangler secret put URL_SIGNING_KEYS (in development: a line in .dev.vars)',
        )
      : undefined
  const list = readJsonList(given, EXAMPLE)
  if ('problem' in list) return fail(`${list.problem}; ${SET_AGAIN}`)
  const keys: SigningKey[] = []
  for (const [index, raw] of list.value.entries()) {
    const report: Report = (problem, key) => {
      mistakes.push({ variable: VARIABLE, entry: { index }, ...(key !== undefined && { key }), problem })
    }
    const found = readTable(keyTable, raw, { example: EXAMPLE, report })
    if (!found) continue
    if (found.id === found.key) report('must not be the key itself: ids are part of URLs', 'id')
    if (keys.some(({ id }) => id === found.id))
      report('is the id of another key too; give each an id of its own', 'id')
    keys.push(found)
  }
  const [first, ...others] = keys
  if (list.value.length === 0) return fail(`is empty; list at least one key: [${EXAMPLE}], or remove it`)
  return first && createUrlSigner([first, ...others])
}
