import type { Check } from '../checks.ts'

/** A backend's table in `FALLBACK_STORAGES`. */
export type Table = Record<string, string | boolean>

/** Where the media are now: a backend that is only read, and the secrets that it needs. */
export interface Source {
  table: Table
  secrets: Record<string, string>
}

/** The name of a backend's secret: `LEGACY_ACCESS_KEY_ID`. */
export function secretName({ name }: Table, suffix: string): string {
  return `${String(name).toUpperCase()}_${suffix}`
}

/** What `init` writes. */
export interface Setup {
  /** The name of the R2 bucket that comes first. */
  bucket: string
  sources: Source[]
  /** Whether what is read is copied to R2. */
  migrate: boolean
  /** Whether pictures that no source has are answered by placeholders. */
  placeholder: boolean
}

/** The result of trying a source. */
export interface Trial {
  check: Check
  /** Settings that the server itself reported, e.g. the region of its bucket. */
  learned?: Table
  /** Whether a user name and a password are missing. */
  needsPassword?: boolean
}
