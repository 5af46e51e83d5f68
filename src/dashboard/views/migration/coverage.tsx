import type { Verification } from '../../../client/client.ts'
import { Treemap } from '../../parts/treemap.tsx'
import { isRollback } from './verifications.ts'

interface Props {
  verifications: readonly Verification[]
  /** As it is now; the list may be older. */
  latest: Verification | undefined
}

/** How much of each folder the primary has, as the latest verification that counted it found. */
export function Coverage({ verifications, latest }: Props) {
  const job = [...(latest ? [latest] : []), ...verifications].find(
    (one) => one.prefixes.length > 0 && !isRollback(one),
  )
  return (
    <section class="card" aria-labelledby="coverage-title">
      <h2 id="coverage-title">Coverage by folder</h2>
      {job ? (
        <Treemap
          label="Objects of the fallbacks by folder, and how many of them the primary has"
          parts={job.prefixes}
        />
      ) : (
        <p class="muted">Not known yet: a verification counts it.</p>
      )}
    </section>
  )
}
