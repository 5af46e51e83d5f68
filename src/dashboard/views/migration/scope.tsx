import type { Backfill } from '../../../client/client.ts'
import { Name } from '../../parts/name.tsx'

/** Which names a backfill copies. */
export function Scope({ job: { prefix, manifest } }: { job: Pick<Backfill, 'prefix' | 'manifest'> }) {
  return (
    <span>
      {prefix === '' ? (
        'all names'
      ) : (
        <>
          names that begin with <Name name={prefix} max={60} />
        </>
      )}
      {manifest !== null && (
        <>
          {' '}
          in the manifest <Name name={manifest} max={60} />
        </>
      )}
    </span>
  )
}
