import type { Version } from '../../sources/conflicts.ts'
import { openSourceChanges } from '../../sources/source-changes.ts'
import { StorageError } from '../../storage/errors.ts'
import type { Handlers } from '../context.ts'

export const conflictHandlers = {
  async listConflicts(c, { query: { limit, cursor } }) {
    const changes = openSourceChanges(c.var.deployment.config.services.sourceChanges)
    if (!changes) throw new StorageError('unsupported', WHY_NOT)
    const page = await changes().conflicts(limit, cursor)
    return {
      conflicts: page.conflicts.map(({ at, held, found, ...conflict }) => ({
        ...conflict,
        held: toJson(held),
        found: toJson(found),
        seen: new Date(at).toISOString(),
      })),
      total: page.total,
      cursor: page.cursor === null ? null : String(page.cursor),
    }
  },
} satisfies Partial<Handlers>

const WHY_NOT =
  'conflicts are kept in a Durable Object: bind SourceChanges as SOURCE_CHANGES under [[durable_objects.bindings]] in wrangler.toml, with [[migrations]] as in docs/configuration.md'

function toJson({ modified, ...version }: Version) {
  return { ...version, modified_time: modified === null ? null : new Date(modified).toISOString() }
}
