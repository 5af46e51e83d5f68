import type { Chain } from '../chain/fallback.ts'
import { putCopy } from '../migration/put-copy.ts'
import { StorageError } from '../storage/errors.ts'
import { representationOf } from '../storage/object.ts'
import type { PriorVersion } from '../storage/prior-version.ts'
import type { PriorVersions } from './versions.ts'

/** The most versions of one name that are looked at. */
export const MAX_VERSIONS = 1000

/** Stores a prior version, the newest unless `time` says which, under its name again, like any other write. */
export async function restoreVersion(
  { backends, index }: PriorVersions,
  chain: Chain,
  { name, time }: { name: string; time: number | undefined },
): Promise<PriorVersion> {
  const versions = await index().versions(name, MAX_VERSIONS)
  const version = time === undefined ? versions[0] : versions.find((one) => one.time === time)
  if (!version) throw new StorageError('absent', 'there is no such prior version of this name')
  const source = backends.find((backend) => backend.name === version.backend)
  if (!source) {
    const why = `the version is in ${version.backend}, which is not a writable backend any more`
    throw new StorageError('unsupported', why)
  }
  const object = await source.get(version.key)
  if (!object) throw new StorageError('absent', `"${version.key}" is no longer in ${source.name}`)
  // No provenance: it is what someone has saved, so events of the source do not replace it.
  await putCopy(chain, name, { source, object, info: representationOf(object) })
  return version
}
