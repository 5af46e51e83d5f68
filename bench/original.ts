import { spawnSync } from 'node:child_process'
import type { Measurement } from './bench.ts'
import { notInstalled } from './native.ts'

/** The Django original under gunicorn. */
export const original: Measurement = async () => {
  const needed = 'import django, gunicorn, fallback_storage'
  if (spawnSync('python3', ['-c', needed]).status !== 0) return notInstalled('the original (Django)')
  return []
}
