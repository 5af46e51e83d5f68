import { countsOf, coverageOf, leftOutOf, reasonsAgainst } from './certificate.ts'
import type { PrefixCoverage, VerificationJson, VerificationRecord } from './record.ts'

/** The verification as the API tells it. */
export function toJson(record: VerificationRecord, prefixes: PrefixCoverage[]): VerificationJson {
  const { id, status, options, primary, fallbacks, tally, waiting, pass } = record
  const counts = countsOf(record)
  const reasons = reasonsAgainst(record)
  return {
    id,
    state: status,
    ...tally,
    left_out: leftOutOf(record),
    prefix: options.prefix,
    deep: options.deep,
    accepted: options.accept.map((reason) => ({ reason, count: counts[reason] ?? 0 })),
    primary,
    fallbacks,
    passes: pass.number,
    as_of: status === 'completed' ? timeOf(pass.began) : null,
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
    finished: timeOf(record.finished),
  }
}

function timeOf(time: number | undefined): string | null {
  return time === undefined ? null : new Date(time).toISOString()
}
