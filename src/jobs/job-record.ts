import type { ErrorCode, StorageError } from '../storage/errors.ts'
import { isoTime } from '../storage/iso-time.ts'

/** What every job stores about itself. */
export interface JobRecord {
  id: string
  status: string
  waiting?: Waiting
  /** When it continues, if it pauses by itself. */
  resumes?: number
  started: number
  updated: number
  finished?: number
  /** Name of the identity that started it. Older records have none. */
  startedBy?: string
}

/** Which backend failed, and how. */
export interface BackendFailure {
  backend: string
  error: ErrorCode
  detail: string
}

/** Why a job pauses; it resumes by itself. */
interface Waiting extends BackendFailure {
  until: number
  rounds: number
}

/** A job's record in the storage of its Durable Object. */
export interface SavedRecord<R> {
  load(): R | undefined
  save(record: R): void
  /** Changes the record in one transaction, with whatever else `work` writes. The record is not saved if it returns `false`. */
  change(work: (record: R) => false | void): void
  now(): number
}

export function isClosed(record: JobRecord): boolean {
  return !isWorking(record) && record.status !== 'paused'
}

export function isWorking({ status }: JobRecord): boolean {
  return status === 'open' || status === 'running'
}

/** Not while it waits for a backend, or pauses by itself. */
export function mayContinueAt({ waiting, resumes }: JobRecord, now: number): number {
  return Math.max(now, waiting?.until ?? 0, resumes ?? 0)
}

const FIRST_WAIT_MS = 5_000
const MAX_WAIT_MS = 300_000

/** Makes a job wait: twice as long each time, until something succeeds. While it waits, many consumers may report the same. */
export function waitAfter(record: JobRecord, failure: BackendFailure, now: number): void {
  if ((record.waiting?.until ?? 0) > now) return
  const rounds = (record.waiting?.rounds ?? 0) + 1
  const until = now + Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** (rounds - 1))
  record.waiting = { ...failure, until, rounds }
}

/** `backend` is where it happened, if the error does not say. */
export function failureOf(error: StorageError, backend = 'chain'): BackendFailure {
  return { backend: error.backend ?? backend, error: error.code, detail: error.message }
}

/** What the API says of every job. */
export function commonJson({ id, waiting, started, startedBy, updated, finished }: JobRecord) {
  return {
    id,
    waiting: waiting
      ? {
          backend: waiting.backend,
          error: waiting.error,
          detail: waiting.detail,
          until: isoTime(waiting.until),
        }
      : null,
    started: isoTime(started),
    started_by: startedBy ?? null,
    updated: isoTime(updated),
    finished: isoTime(finished ?? null),
  }
}

/** The cursor of the next page, if there is one: `rows` has one row more than the page then. */
export function cursorOf(rows: readonly { id: number }[], limit: number): string | null {
  return rows.length > limit ? String(rows[limit - 1]?.id) : null
}
