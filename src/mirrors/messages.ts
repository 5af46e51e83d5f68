/** A message of the queue: the mirrors may differ from the primary in this name. */
export interface MirrorMessage {
  type: 'mirror'
  name: string
}

/** What a write may collide with: a lifted tombstone must not come while a mirror deletes the name, a removed one not while any change is open. */
export type WriteKind = 'write' | 'lift' | 'remove'

/** One name of one mirror, which nothing else makes equal until `token` expires or is done. */
export interface Taken {
  mirror: string
  name: string
  token: number
}

/** What became of it. */
export interface Result {
  /** Look again in some minutes: what was read may have been out of date, or a request may still be carried out. */
  recheck?: boolean
  /** The mirror cannot hold it. */
  skipped?: boolean
  failure?: {
    error: string
    detail: string
    /** Another attempt soon would fail the same way. */
    final?: boolean
  }
}

export interface MirrorFailure {
  name: string
  error: string
  detail: string
  attempts: number
  /** Milliseconds since 1970. */
  since: number
}

export interface MirrorStatus {
  mirror: string
  /** Names in which the mirror may differ, those that failed included. */
  pending: number
  /** Those that have failed six times. They are tried again every ten minutes. */
  failed: number
  /** Since when the oldest is pending, in milliseconds since 1970. */
  oldest: number | null
  lastResync: number | null
  /** Changes that the mirror cannot hold. */
  skipped: number
  /** Those with the most attempts. */
  failures: MirrorFailure[]
}

/** A write or a convergence that has not been heard of for so long has died. */
export const LEASE_MS = 60_000
