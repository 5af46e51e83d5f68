import { spawnSync } from 'node:child_process'
import type { Measurement } from './bench.ts'

/** The Django original under gunicorn: told on the terminal why it has no row, since a missing one would be a riddle. */
export const original: Measurement = async () => {
  const needed = ['django', 'gunicorn', 'fallback_storage']
  const missing = needed.filter((name) => spawnSync('python3', ['-c', `import ${name}`]).status !== 0)
  const why =
    missing.length > 0 ? `${missing.join(', ')} not installed` : 'no contender is written for it yet'
  console.log(`  the Django original is not measured: ${why}`)
  return []
}
