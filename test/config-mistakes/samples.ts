import { env as bound } from 'cloudflare:workers'
import { ConfigError, parseConfig } from '../../src/config/config.ts'

type Table = Record<string, unknown>
type Vars = Record<string, unknown>

export const bindings = {
  MEDIA: bound.MEDIA,
  MEDIA_KV: bound.MEDIA_KV,
  ASSETS: { fetch: async () => new Response() },
  LEGACY_ACCESS_KEY_ID: 'id-of-legacy',
  LEGACY_SECRET_ACCESS_KEY: 'hush-hush',
}

export const r2 = { type: 'r2', binding: 'MEDIA' }
export const kv = { type: 'kv', binding: 'MEDIA_KV' }
export const s3 = { type: 's3', name: 'legacy', endpoint: 'https://s3.example.com', bucket: 'old-media' }
export const http = { type: 'http', name: 'legacy', url: 'https://old.example.com/media' }

/** A valid primary, followed by the given table. */
export function after(table: Table, vars: Vars = {}): Vars {
  return { ...bindings, FALLBACK_STORAGES: [r2, table], ...vars }
}

export function withVars(vars: Vars): Vars {
  return { ...bindings, FALLBACK_STORAGES: [r2], ...vars }
}

export function errorOf(env: Vars): ConfigError {
  try {
    parseConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('the configuration was accepted')
}

/** The mistake, the environment, and what its error message must contain: place, key and fix. */
export type Row = [title: string, env: Vars, ...says: string[]]
