import * as v from 'valibot'
import type { BackendType } from './backend-config.ts'
import {
  absentStatuses,
  baseUrl,
  flag,
  isPrintable,
  pattern,
  prefix,
  price,
  publicUrl,
  text,
  wholeNumber,
} from './values.ts'

const LONGEST_WAIT_MS = 900_000

/** Names stand in Cache-Status and Server-Timing, where only tokens may. */
export const backendName = text(
  'must begin with a letter and hold only letters, digits, ".", "_" and "-", at most 64',
  (value) => /^[a-z][\w.-]{0,63}$/i.test(value),
)

const shared = {
  type: v.string(),
  name: v.exactOptional(backendName),
  prefix: v.optional(prefix, ''),
  include: v.exactOptional(pattern),
  exclude: v.exactOptional(pattern),
  timeout_ms: v.optional(wholeNumber(1, LONGEST_WAIT_MS), 10_000),
  idle_timeout_ms: v.optional(wholeNumber(1, LONGEST_WAIT_MS), 30_000),
  hedge_ms: v.exactOptional(wholeNumber(1, LONGEST_WAIT_MS)),
  public_url: v.exactOptional(publicUrl),
}

const binding = text('must be a binding\'s name, e.g. "MEDIA"', (value) => value !== '')

const bucketName = text(
  'must be the name of a bucket only, without slashes or spaces',
  (value) => /^[^\s/?#]+$/.test(value) && isPrintable(value),
)

/** A prefix, and never what looks like a key itself: it would end up in messages. */
export const credentialsName = text(
  'must be the prefix of secrets\' names: "LEGACY" reads LEGACY_ACCESS_KEY_ID and LEGACY_SECRET_ACCESS_KEY',
  (value) =>
    /^[a-z]\w{0,30}$/i.test(value) &&
    !/^A[A-Z]IA[A-Z\d]{16}$/.test(value) &&
    !/_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)$/i.test(value),
)

const HEADERS_MESSAGE = 'must be a table of header names and values'

export const r2Table = v.object({
  ...shared,
  read_only: v.optional(flag, false),
  binding,
  bucket: v.exactOptional(bucketName),
})

export const kvTable = v.object({ ...shared, read_only: v.optional(flag, false), binding })

export const s3Table = v.object({
  ...shared,
  read_only: v.optional(flag, true),
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
      v.check((value) => value, 'is always true for http, which cannot be written to; remove it'),
    ),
    true,
  ),
  url: v.exactOptional(baseUrl),
  binding: v.exactOptional(binding),
  headers: v.optional(
    v.pipe(
      v.unknown(),
      v.check((value) => !Array.isArray(value), HEADERS_MESSAGE),
      v.record(v.string(), v.string('must be a string'), HEADERS_MESSAGE),
    ),
    {},
  ),
  listing: v.exactOptional(
    v.literal('autoindex-json', 'must be "autoindex-json", or left out where the origin cannot list'),
  ),
  absent_statuses: v.optional(absentStatuses, [404, 410]),
  egress_usd_per_gb: v.exactOptional(price),
  check_type: v.optional(flag, true),
})

export type R2Table = v.InferOutput<typeof r2Table>
export type KvTable = v.InferOutput<typeof kvTable>
export type S3Table = v.InferOutput<typeof s3Table>
export type HttpTable = v.InferOutput<typeof httpTable>

/** The keys that each type of backend takes. */
export const TABLE_KEYS: Readonly<Record<BackendType, readonly string[]>> = {
  r2: Object.keys(r2Table.entries),
  kv: Object.keys(kvTable.entries),
  s3: Object.keys(s3Table.entries),
  http: Object.keys(httpTable.entries),
}
