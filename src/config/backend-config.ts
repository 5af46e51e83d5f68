import type { S3Credentials } from '../backends/s3/request.ts'

export type BackendType = 'r2' | 'kv' | 's3' | 'http'

interface BaseConfig {
  name: string
  readOnly: boolean
  /** Put before a name to make the backend's own key; may be empty. */
  prefix: string
  include?: RegExp
  exclude?: RegExp
  timeoutMs: number
  idleTimeoutMs: number
  /** Milliseconds without an answer after which the next backend is tried too. */
  hedgeMs?: number
  /** Absolute URL or absolute path, ending in `/`. */
  publicUrl?: string
}

export interface R2Config extends BaseConfig {
  type: 'r2'
  binding: string
  bucketName?: string
  /** Not enumerable. */
  bucket: R2Bucket
}

export interface KvConfig extends BaseConfig {
  type: 'kv'
  binding: string
  /** Not enumerable. */
  namespace: KVNamespace
}

export interface S3Config extends BaseConfig {
  type: 's3'
  endpoint: string
  bucket: string
  region: string
  addressing: 'path' | 'virtual'
  absentStatuses: readonly number[]
  egressUsdPerGb?: number
  /** The secrets' common prefix; absent when requests go unsigned. */
  credentialsFrom?: string
  /** Not enumerable: never printed. */
  credentials?: S3Credentials
}

export interface HttpConfig extends BaseConfig {
  type: 'http'
  url?: string
  binding?: string
  absentStatuses: readonly number[]
  egressUsdPerGb?: number
  listing?: 'autoindex-json'
  /** Whether an HTML page answered for a picture's name is a failure. */
  checkType: boolean
  headerNames: readonly string[]
  /** Not enumerable: never printed. */
  headers: Readonly<Record<string, string>>
  /** Not enumerable. */
  fetcher?: Fetcher
}

export type BackendConfig = R2Config | KvConfig | S3Config | HttpConfig

/** `target` with further properties that neither JSON nor the console prints. */
export function withHidden<Target extends object, Hidden extends object>(
  target: Target,
  hidden: Hidden,
): Target & Hidden {
  for (const [key, value] of Object.entries(hidden)) Object.defineProperty(target, key, { value })
  return target as Target & Hidden
}
