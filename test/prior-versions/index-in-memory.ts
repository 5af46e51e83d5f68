import type { PriorVersion } from '../../src/storage/prior-version.ts'
import type { VersionIndex } from '../../src/prior-versions/versions.ts'

/** An index of versions in memory, and what is in it. */
export function indexInMemory(): { index: VersionIndex; rows: PriorVersion[] } {
  const rows: PriorVersion[] = []
  const index: VersionIndex = {
    addVersion: async (version) => void rows.push(version),
    versions: async (name, limit) =>
      rows
        .filter((row) => row.name === name)
        .toSorted((a, b) => b.time - a.time)
        .slice(0, limit),
    removeVersions: async (backend, keys) => {
      const left = rows.filter((row) => row.backend !== backend || !keys.includes(row.key))
      rows.splice(0, rows.length, ...left)
    },
  }
  return { index, rows }
}
