import { coverageOf, reasonsAgainst } from './certificate.ts'
import type { PrefixCoverage, VerificationJson, VerificationRecord } from './record.ts'

/** The verification as the API tells it. */
export function toJson(record: VerificationRecord, prefixes: PrefixCoverage[]): VerificationJson {
  const { id, status, options, primary, fallbacks, tally, waiting } = record
  const reasons = reasonsAgainst(record)
  return {
    id,
    state: status,
    ...tally,
    prefix: options.prefix,
    deep: options.deep,
    primary,
    fallbacks,
    coverage: coverageOf(tally),
    prefixes,
    safe_to_detach: reasons.length === 0,
    reasons,
    waiting: waiting
      ? {
          backend: waiting.backend,
          error: waiting.error,
          detail: waiting.detail,
          until: new Date(waiting.until).toISOString(),
        }
      : null,
    started: new Date(record.started).toISOString(),
    updated: new Date(record.updated).toISOString(),
    finished: record.finished === undefined ? null : new Date(record.finished).toISOString(),
  }
}
