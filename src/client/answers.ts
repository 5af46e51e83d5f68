/** The JSON that the API answers with. Kept free of the Worker's own types, so that an installed client needs none of them. */

/** What the chain knows of an object without its bytes. */
export interface ListedObject {
  name: string
  /** Bytes; `null` where the backend does not tell. */
  size: number | null
  etag: string | null
  modified_time: string | null
  content_type?: string
  backend: string
}

/** A backend that a listing lacks. */
export interface Degraded {
  name: string
  error: string
  detail: string
}

export interface ListPage {
  prefix: string
  objects: ListedObject[]
  directories: string[]
  /** `null` on the last page. */
  cursor: string | null
  /** Names of the backends whose part is missing: they failed, or cannot list. */
  degraded: string[]
  /** Why, where there are any. */
  backends?: readonly Degraded[]
}

export interface ListdirPage {
  path: string
  directories: string[]
  files: string[]
  /** `null` on the last page. */
  cursor: string | null
  /** Names of the backends whose part is missing: they failed, or cannot list. */
  degraded: string[]
  /** Why, where there are any. */
  backends?: readonly Degraded[]
}

export interface Finding {
  name: string
  type: string
  accepts: boolean
  /** `hit`, `absent`, `deleted`, `not_asked`, or the code of a failure. */
  result: string
  detail?: string
  latency_ms?: number
  size?: number
  etag?: string
  modified_time?: string
  content_type?: string
  version?: string
  deleted_time?: string
  provenance?: {
    backend: string
    etag: string | null
    modified_time: string | null
    copied_time: string
  }
}

/** What the chain would do with a read of one name, and why. */
export interface Explanation {
  name: string
  would_serve: string | null
  tombstone: { backend: string; deleted_time: string | null } | null
  migration: {
    enabled: boolean
    state:
      | 'present'
      | 'pending'
      | 'not_migrating'
      | 'blocked'
      | 'no_target'
      | 'deleted'
      | 'absent'
      | 'unknown'
    target: string | null
    reason: string
    /** What became of the latest copy that this isolate made of it. */
    last_copy?: { outcome: string; time: string; reason?: string }
  }
  backends: Finding[]
}

export interface BackendHealth {
  state: 'closed' | 'open' | 'half-open'
  failures: number
  recent_errors: { at: string; error: string; detail: string }[]
  latency_ms?: { p50: number; p95: number; p99: number; count: number }
}

export interface BackendDescription {
  name: string
  type: string
  role: string
  writable: boolean
  methods: string[]
  health?: BackendHealth
  /** As configured, without secrets. */
  config: Record<string, string | number | boolean | readonly string[] | readonly number[]> | null
}

/** The chain as it is configured. */
export interface Backends {
  backends: BackendDescription[]
  migration: boolean
  deletes: 'tombstone' | 'first'
  /** Absent where the Worker is an older one. */
  warnings?: { backend: string; detail: string }[]
}

export interface Tombstone {
  name: string
  deleted_time: string | null
}

export interface TombstonePage {
  prefix: string
  tombstones: Tombstone[]
  cursor: string | null
}

export interface PurgePage {
  dry_run: boolean
  examined: number
  purged: number
  kept: number
  names: string[]
  cursor: string | null
}

export interface Undeleted {
  name: string
  restored: boolean
  backend: string | null
}

/** RFC 9457, as every error of the API is told. */
export interface ProblemDocument {
  type: string
  title: string
  status: number
  detail: string
  backends?: { name: string; error: string; detail: string }[]
}
