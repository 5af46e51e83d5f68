import type { Backend } from '../storage/backend.ts'
import type { PriorVersion } from '../storage/prior-version.ts'

/** Which versions of a name there are: their keys begin with their time, so a listing cannot find them. */
export interface VersionIndex {
  addVersion(version: PriorVersion): Promise<void>
  /** Newest first. */
  versions(name: string, limit: number): Promise<PriorVersion[]>
  removeVersions(backend: string, keys: readonly string[]): Promise<void>
}

/** Where the prior versions of a deployment are. */
export interface PriorVersions {
  /** The writable backends, which show their prior versions. */
  backends: readonly Backend[]
  index: () => VersionIndex
}
