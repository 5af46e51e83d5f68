import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Builds and packs the package into the folder, and returns the path of the tarball. */
export function pack(folder: string): string {
  const args = ['pack', '--json', '--silent', '--pack-destination', folder]
  // On Windows, npm is a script of the shell.
  const printed = execFileSync('npm', args, { encoding: 'utf8', shell: process.platform === 'win32' })
  // What the package's own scripts print comes before it.
  const [packed] = JSON.parse(printed.slice(printed.indexOf('[\n'))) as { filename: string }[]
  if (!packed) throw new Error(`npm pack printed ${printed}`)
  return join(folder, packed.filename)
}
