import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The workerd processes that this process has started. */
export function childWorkerds(): number[] {
  const listed = execFileSync('ps', ['-eo', 'pid=,ppid=,comm='], { encoding: 'utf8' })
  return listed
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, command]) => parent === `${process.pid}` && command === 'workerd')
    .map(([pid]) => Number(pid))
}

/** Resident memory of a process in bytes; `undefined` on systems without /proc. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return kib === undefined ? undefined : Number(kib) * 1024
  } catch {
    return undefined
  }
}
