import type { BackfillSeries } from '../../schemas/job-answers.ts'
import { queriesOf } from '../../storage/queries.ts'
import type { Point } from './job-types.ts'

/** A row for each interval in which something happened; `at` is its beginning, in seconds since the job's. */
export const SERIES_SCHEMA = `
  CREATE TABLE IF NOT EXISTS series (at INTEGER PRIMARY KEY, settled INTEGER, failed INTEGER, bytes INTEGER);`

export const MAX_POINTS = 240
const FIRST_STEP = 5

export type Series = ReturnType<typeof createSeries>

/**
 * What a job has done over time, from its beginning, in at most 240 intervals of equal length: whenever there would be
 * more, they are merged in pairs. All of it is synchronous, and `second` counts from the job's beginning.
 */
export function createSeries(storage: Pick<DurableObjectStorage, 'sql'>) {
  const { all, run, count } = queriesOf(storage)
  const last = (): number => count('SELECT MAX(at) AS n FROM series')
  const insert = `INSERT INTO series (at, settled, failed, bytes) VALUES (?, ?, ?, ?)
    ON CONFLICT (at) DO UPDATE SET settled = settled + excluded.settled, failed = failed + excluded.failed,
      bytes = bytes + excluded.bytes`
  const add = (at: number, { settled, failed, bytes }: Point): void => run(insert, at, settled, failed, bytes)
  const merged = (step: number): (Point & { at: number })[] =>
    all(
      `SELECT at - at % ?1 AS at, SUM(settled) AS settled, SUM(failed) AS failed, SUM(bytes) AS bytes
       FROM series GROUP BY 1`,
      step,
    )

  return {
    add(second: number, point: Point): void {
      const end = Math.max(second, last())
      const step = stepUntil(end)
      if (step > stepUntil(last())) {
        const rows = merged(step)
        run('DELETE FROM series')
        for (const { at, ...row } of rows) add(at, row)
      }
      add(second - (second % step), point)
    },
    /** All intervals until then, for a job that began at `start`, in seconds since 1970. */
    read(start: number, second: number): BackfillSeries {
      const end = Math.max(second, last())
      const step = stepUntil(end)
      const rows = new Map(merged(step).map((row) => [row.at, row]))
      const begins = Array.from({ length: Math.floor(end / step) + 1 }, (_, index) => index * step)
      const column = (key: keyof Point): number[] => begins.map((at) => rows.get(at)?.[key] ?? 0)
      return {
        step,
        at: begins.map((at) => start + at),
        settled: column('settled'),
        failed: column('failed'),
        bytes: column('bytes'),
      }
    },
  }
}

/** The length of the intervals once the last of them contains that second. */
function stepUntil(second: number): number {
  let step = FIRST_STEP
  while (second >= step * MAX_POINTS) step *= 2
  return step
}
