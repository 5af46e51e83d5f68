import * as v from 'valibot'
import { isTable } from './json-list.ts'
import { hasDotSegment, MAX_NAME_BYTES, nameBytes } from '../storage/name.ts'

/** Every message says what the value must be. It never repeats the value, which could be a secret. */

/** The first issue of each key. */
export function firstIssues(issues: readonly v.BaseIssue<unknown>[] = []): Map<string, v.BaseIssue<unknown>> {
  const first = new Map<string, v.BaseIssue<unknown>>()
  for (const issue of issues) {
    const key = String(issue.path?.[0]?.key)
    if (!first.has(key)) first.set(key, issue)
  }
  return first
}

export const flag = v.pipe(
  v.union([v.boolean(), v.picklist(['true', 'false'])], 'must be true or false'),
  v.transform((value) => value === true || value === 'true'),
)

export function wholeNumber(min: number, max: number) {
  return number(`must be a whole number from ${min} to ${max}`, {
    digits: /^\d+$/,
    fits: (value) => Number.isSafeInteger(value) && value >= min && value <= max,
  })
}

/** In US dollars. */
export const price = number('must be a price in US dollars per 10⁹ bytes, e.g. 0.09', {
  digits: /^\d+(\.\d+)?$/,
  fits: (value) => Number.isFinite(value) && value >= 0,
})

export const percentage = number('must be a percentage from 0 to 100, e.g. 0.5', {
  digits: /^\d+(\.\d+)?$/,
  fits: (value) => value >= 0 && value <= 100,
})

export function seconds(min: number, max: number) {
  return number(`must be a number of seconds from ${min} to ${max}`, {
    digits: /^\d+(\.\d+)?$/,
    fits: (value) => value >= min && value <= max,
  })
}

function number(message: string, { digits, fits }: { digits: RegExp; fits: (value: number) => boolean }) {
  const isNumeric = (value: unknown): boolean => typeof value === 'string' && digits.test(value.trim())
  const numeric = v.pipe(v.custom<string>(isNumeric), v.transform(Number))
  return v.pipe(v.union([v.number(), numeric], message), v.check(fits, message))
}

/** A non-empty string that passes a test. */
export function text(message: string, holds: (value: string) => boolean) {
  return v.pipe(v.string(message), v.check(holds, message))
}

const URL_MESSAGE = 'must be an absolute http:// or https:// URL'
const PUBLIC_URL_MESSAGE = 'must be an absolute URL or an absolute path like "/media/"'
const QUERY_MESSAGE = 'must not contain a query or fragment; remove everything from the "?" or "#"'
const FILE_MESSAGE = "must be the address of a folder, not of a file; remove the file's name"
const FILE = /\.(jpe?g|png|gif|webp|avif|svg|mp4|webm|mov|mp3|pdf|html?)$/i
const DOT_MESSAGE = 'must not contain a "." or ".." segment; write the resulting path'

/** A value for which `problemOf` returns `null`. */
function without<Value>(problemOf: (value: Value) => string | null) {
  return v.check<Value, (issue: v.CheckIssue<Value>) => string>(
    (value) => problemOf(value) === null,
    ({ input }) => problemOf(input) ?? '',
  )
}

function stringWithout(problemOf: (value: string) => string | null, message: string) {
  return v.pipe(v.string(message), without(problemOf))
}

/** An absolute http(s) URL without user info, query or fragment, ending in `/`. */
export const baseUrl = v.pipe(stringWithout(urlProblem, URL_MESSAGE), v.transform(normalUrl))

/** The address of a public backend: an absolute URL, or a path on the Worker's own host. */
export const publicUrl = v.pipe(
  stringWithout((value) => {
    if (isAbsolutePath(value)) return pathProblem(value)
    return /^[a-z][a-z\d+.-]*:/i.test(value) ? urlProblem(value) : PUBLIC_URL_MESSAGE
  }, PUBLIC_URL_MESSAGE),
  v.transform((value) => (isAbsolutePath(value) ? withSlash(value) : normalUrl(value))),
)

/** `MEDIA_PATH`: begins and ends with a slash. */
export const mediaPath = stringWithout((value) => {
  const fixed = `/${value}/`.replaceAll(/\/+/g, '/')
  const problem = pathProblem(value)
  if (problem !== null) return problem
  if (!value.startsWith('/') || !value.endsWith('/')) return `must begin and end with "/"; write "${fixed}"`
  if (value.startsWith('/-/')) return 'must not be below "/-/", which is reserved for the API'
  return value.includes('//') ? `must not contain "//"; write "${fixed}"` : null
}, 'must be a path like "/media/"')

function prefixProblem(value: string): string | null {
  if (value.startsWith('/')) return 'must not begin with "/"; remove the leading slash'
  if (hasDotSegment(value)) return DOT_MESSAGE
  if (isPrintable(value) && nameBytes(value) < MAX_NAME_BYTES) return null
  return `must be shorter than ${MAX_NAME_BYTES} bytes and contain no control characters`
}

export const prefix = stringWithout(prefixProblem, 'must be a string')

/** A prefix of names that ends a directory: without its slash, `photos` would be for `photos-private/` too. */
export const namePrefix = stringWithout((value) => {
  if (value === '') return 'must not be empty; leave it out for all names'
  if (value.startsWith('-/')) return 'must not be below "-/", which is reserved'
  const problem = prefixProblem(value)
  return problem === null && !value.endsWith('/') ? 'must end with "/"; add the slash' : problem
}, 'must be a string')

const PATTERN_MESSAGE = 'must be a regular expression, or a list of them'

/** One regular expression or a list of them, any of which may match, compiled into one. */
export const pattern = v.pipe(
  v.union([v.string(), v.pipe(v.array(v.string()), v.minLength(1, PATTERN_MESSAGE))], PATTERN_MESSAGE),
  v.transform((value) => {
    const sources = [value].flat()
    return sources.length === 1 ? sources[0]! : sources.map((one) => `(?:${one})`).join('|')
  }),
  without(regExpProblem),
  v.transform((source) => new RegExp(source, 'u')),
)

const REWRITE_MESSAGE =
  'must be a list of pairs of a regular expression and its replacement, e.g. [["-\\d+x\\d+", ""]]'
const MAX_RULES = 20

/** Regular expressions and what replaces their match in a name. */
export const rewriteRules = v.pipe(
  v.array(v.custom<readonly [string, string]>(isPair, REWRITE_MESSAGE), REWRITE_MESSAGE),
  v.maxLength(MAX_RULES, `must have at most ${MAX_RULES} rules`),
  without((rules) => {
    const problems = rules.flatMap(([source, replacement], index) => {
      const problem = ruleProblem(source, replacement)
      return problem === null ? [] : [`rule ${index + 1} ${problem}`]
    })
    return problems.join('; ') || null
  }),
)

function isPair(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === 'string')
}

function ruleProblem(source: string, replacement: string): string | null {
  const invalid = regExpProblem(source)
  if (invalid !== null) return invalid
  // Without such groups, the time grows polynomially with the name's length, not exponentially.
  if (/\)(?:[*+]|\{\d*,\})/.test(source.replaceAll(/\\.|\[(?:\\.|[^\]])*\]/gu, '-')))
    return 'repeats a group without limit, as in "(a|b)+", which can take forever on a long name; write "[ab]+", or a limit as in "(a|b){0,9}"'
  const groups = (new RegExp(`${source}|`, 'u').exec('')?.length ?? 1) - 1
  const missing = [...replacement.matchAll(/\$([1-9])/g)].find(([, number]) => Number(number) > groups)
  return missing ? `refers to ${missing[0]}, but its expression has ${groups} groups in parentheses` : null
}

function regExpProblem(source: string): string | null {
  try {
    void new RegExp(source, 'u')
    return null
  } catch (error) {
    return `is not a valid regular expression (${error instanceof Error ? error.message : String(error)})`
  }
}

const NEVER_ABSENCE = [408, 425, 429]
const statusMessage =
  'must be a list of 4xx statuses that prove absence, except 408, 425 and 429, e.g. [404, 410]'

const status = number(statusMessage, {
  digits: /^\d+$/,
  fits: (value) => Number.isInteger(value) && value >= 400 && value <= 499 && !NEVER_ABSENCE.includes(value),
})

export const absentStatuses = v.pipe(
  v.array(status, statusMessage),
  v.minLength(1, statusMessage),
  v.transform((list) => [...new Set(list)]),
)

export function isPrintable(value: string): boolean {
  return value.isWellFormed() && !/[\p{Cc}]/u.test(value)
}

function urlProblem(value: string): string | null {
  if (!URL.canParse(value) || !/^https?:\/\//i.test(value)) return URL_MESSAGE
  const { username, password, pathname } = new URL(value)
  if (username || password) return 'must not contain a user name or password; put them into a secret'
  if (/[?#]/.test(value)) return QUERY_MESSAGE
  return FILE.test(pathname) ? FILE_MESSAGE : null
}

function normalUrl(value: string): string {
  return withSlash(new URL(value).href)
}

function pathProblem(value: string): string | null {
  if (/[?#]/.test(value)) return QUERY_MESSAGE
  if (hasDotSegment(value)) return DOT_MESSAGE
  return /^[\w\-.~!$&'()*+,;=:@%/]*$/.test(value) ? null : 'must be percent-encoded, as in a URL'
}

function isAbsolutePath(value: string): boolean {
  return value.startsWith('/') && !value.startsWith('//')
}

function withSlash(value: string): string {
  return value.endsWith('/') ? value : `${value}/`
}

const LONGEST_WAIT_MS = 900_000

/** Whether it is a name that can be in logs and headers as it is. */
export function isShortName(value: string): boolean {
  return /^[a-z][\w.-]{0,63}$/i.test(value)
}

export const BACKEND_NAME_MESSAGE =
  'must begin with a letter, contain only letters, digits, ".", "_" and "-", and have at most 64 characters'

/** Names are sent in Cache-Status and Server-Timing, which only allow tokens. */
export const backendName = text(BACKEND_NAME_MESSAGE, isShortName)

const shared = {
  type: v.string(),
  name: v.exactOptional(backendName),
  /** Put before the name to form the backend's key. */
  prefix: v.optional(prefix, ''),
  include: v.exactOptional(pattern),
  exclude: v.exactOptional(pattern),
  timeout_ms: v.optional(wholeNumber(1, LONGEST_WAIT_MS), 10_000),
  idle_timeout_ms: v.optional(wholeNumber(1, LONGEST_WAIT_MS), 30_000),
  /** After this time without a response, the next backend is tried as well. */
  hedge_ms: v.exactOptional(wholeNumber(1, LONGEST_WAIT_MS)),
  /** Absolute URL or absolute path, ending in `/`. */
  public_url: v.exactOptional(publicUrl),
  /** Other names that reads of media try where this backend lacks theirs. */
  rewrite: v.exactOptional(rewriteRules),
}

const binding = text('must be the name of a binding, e.g. "MEDIA"', (value) => value !== '')

const bucketName = text(
  'must be a bucket name, without slashes or spaces',
  (value) => /^[^\s/?#]+$/.test(value) && isPrintable(value),
)

/** Only a prefix: an access key itself would be printed in messages. */
export const credentialsName = text(
  'must be the common prefix of the secrets\' names: "LEGACY" stands for LEGACY_ACCESS_KEY_ID and LEGACY_SECRET_ACCESS_KEY',
  (value) =>
    /^[a-z]\w{0,30}$/i.test(value) &&
    !/^A[A-Z]IA[A-Z\d]{16}$/.test(value) &&
    !/_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)$/i.test(value),
)

/** Whether every change of the primary is repeated there; `keep-deleted` leaves deletes out. */
const mirror = v.exactOptional(
  v.union([flag, v.literal('keep-deleted')], 'must be true, false or "keep-deleted"'),
)

/** A copy that was last compared with its source longer ago is compared again when it is read. */
const revalidateSeconds = v.exactOptional(wholeNumber(1, 31_536_000))

/** Whether a GET of media is sent to the backend's own URL. */
const redirect = v.exactOptional(flag)

/** Only a name: the credentials themselves would be printed in messages. */
export const secretName = text(
  'must be the name of the secret whose value is user:password, e.g. "PRODUCTION_BASIC_AUTH"; set it with: npx wrangler secret put PRODUCTION_BASIC_AUTH (in development: a line in .dev.vars)',
  (value) => /^[A-Za-z_]\w*$/.test(value),
)

const HEADERS_MESSAGE = 'must be a table of header names and values'

export const r2Table = v.object({
  ...shared,
  read_only: v.optional(flag, false),
  mirror,
  binding,
  bucket: v.exactOptional(bucketName),
})

export const kvTable = v.object({ ...shared, read_only: v.optional(flag, false), mirror, binding })

export const s3Table = v.object({
  ...shared,
  /** Default: true, but false for a mirror. */
  read_only: v.exactOptional(flag),
  mirror,
  redirect,
  revalidate_seconds: revalidateSeconds,
  endpoint: baseUrl,
  bucket: bucketName,
  region: v.optional(
    text('must be a region, e.g. "eu-central-1" or "auto"', (value) => /^[\w-]+$/.test(value)),
    'auto',
  ),
  addressing: v.optional(v.picklist(['path', 'virtual'], 'must be "path" or "virtual"'), 'path'),
  credentials: v.exactOptional(credentialsName),
  absent_statuses: v.optional(absentStatuses, [404, 410]),
  egress_usd_per_gb: v.exactOptional(price),
})

export const httpTable = v.object({
  ...shared,
  read_only: v.optional(
    v.pipe(
      flag,
      v.check((value) => value, 'is always true for http backends; remove it'),
    ),
    true,
  ),
  url: v.exactOptional(baseUrl),
  binding: v.exactOptional(binding),
  /** Each is checked with the secret that it may name. */
  headers: v.optional(v.custom<Readonly<Record<string, string>>>(isTable, HEADERS_MESSAGE), {}),
  basic_auth: v.exactOptional(secretName),
  redirect,
  listing: v.exactOptional(
    v.literal('autoindex-json', 'must be "autoindex-json"; remove it if the origin cannot list'),
  ),
  absent_statuses: v.optional(absentStatuses, [404, 410]),
  revalidate_seconds: revalidateSeconds,
  egress_usd_per_gb: v.exactOptional(price),
  /** Whether an HTML page for the name of an image is a failure. */
  check_type: v.optional(flag, true),
})

/** A backend of the Worker that uses this one as a library. */
export const customTable = v.object({
  ...shared,
  read_only: v.optional(flag, false),
  mirror,
  revalidate_seconds: revalidateSeconds,
  binding,
  egress_usd_per_gb: v.exactOptional(price),
})

/** The keys of each type of backend. */
export const TABLE_KEYS = {
  r2: Object.keys(r2Table.entries),
  kv: Object.keys(kvTable.entries),
  s3: Object.keys(s3Table.entries),
  http: Object.keys(httpTable.entries),
  custom: Object.keys(customTable.entries),
  placeholder: ['type', 'name'],
}

export type BackendType = keyof typeof TABLE_KEYS
