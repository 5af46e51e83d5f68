import type { Verification } from '../../../client/client.ts'
import { Treemap } from '../../parts/treemap.tsx'

/** How much of each folder has moved, as the last verification found; while there is none, as far as one has counted. */
export function Coverage({ verifications }: { verifications: readonly Verification[] }) {
  const counted = verifications.filter(({ prefixes }) => prefixes.length > 0)
  const job = counted.find(({ state }) => state === 'completed') ?? counted[0]
  return (
    <section class="card" aria-labelledby="coverage-title">
      <h2 id="coverage-title">Coverage by folder</h2>
      {job ? (
        <Treemap
          label="Objects of the fallbacks by folder, and how many of them have moved"
          parts={job.prefixes}
        />
      ) : (
        <p class="muted">Not known yet: a verification counts it.</p>
      )}
    </section>
  )
}
