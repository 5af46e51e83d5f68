import type { SkipReason, Skips } from './job-types.ts'

/** Why names were skipped. Jobs that were begun before this was kept have no table for it. */
export function skipLedger(sql: SqlStorage): {
  add(backend: string, skips?: Skips): void
  of(backend: string): Skips
} {
  const create = (): void =>
    void sql.exec(
      'CREATE TABLE IF NOT EXISTS skips (backend TEXT, reason TEXT, names INTEGER, PRIMARY KEY (backend, reason)) WITHOUT ROWID',
    )
  return {
    add(backend, skips = {}) {
      const added = Object.entries(skips)
      if (added.length > 0) create()
      for (const [reason, names] of added)
        sql.exec(
          `INSERT INTO skips (backend, reason, names) VALUES (?, ?, ?)
           ON CONFLICT (backend, reason) DO UPDATE SET names = names + excluded.names`,
          backend,
          reason,
          names,
        )
    },
    of(backend) {
      create()
      const query = 'SELECT reason, names FROM skips WHERE backend = ? ORDER BY reason'
      const rows = sql.exec<{ reason: SkipReason; names: number }>(query, backend).toArray()
      return Object.fromEntries(rows.map(({ reason, names }) => [reason, names]))
    },
  }
}
