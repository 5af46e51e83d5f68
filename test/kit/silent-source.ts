import type { SourceJson } from '../../src/schemas/answers.ts'

/** A source that has sent no event. */
export const SILENT: SourceJson = {
  backend: 'legacy',
  last_event: null,
  last_received: null,
  last_handled: null,
  waiting_since: null,
  lag_seconds: null,
  accepted: 0,
  ignored: 0,
  copied: 0,
  tombstoned: 0,
  conflicts: 0,
  unchanged: 0,
  failed: 0,
}
