import { existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs'

const MEMORY = '/dev/shm'
const PREFIX = 'fallback-storage-tests-'
/** Containers often have less, by default 64 MiB. */
const ENOUGH_BYTES = 2 * 1024 ** 3

/**
 * Lets this process and its children keep temporary files in memory if there is enough of it: the simulator flushes each
 * write of R2, KV and Durable Objects to the disk, for which most tests would wait longer than for anything else.
 * With TMPDIR set, they are kept there: the tests of load store several gigabytes.
 */
export function keepTemporaryFilesInMemory(): void {
  if (process.env['TMPDIR'] !== undefined || !existsSync(MEMORY)) return
  removeLeftovers()
  const { bavail, bsize } = statfsSync(MEMORY)
  if (bavail * bsize < ENOUGH_BYTES) return
  const folder = `${MEMORY}/${PREFIX}${process.pid}`
  mkdirSync(folder, { recursive: true })
  process.env['TMPDIR'] = folder
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
}

/** What killed runs could not remove. */
function removeLeftovers(): void {
  for (const name of readdirSync(MEMORY))
    if (name.startsWith(PREFIX) && !existsSync(`/proc/${name.slice(PREFIX.length)}`))
      rmSync(`${MEMORY}/${name}`, { recursive: true, force: true })
}
