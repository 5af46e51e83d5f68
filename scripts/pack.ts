import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

/** Packs what `npm run prepare` has built into the folder, and returns the path of the tarball. */
export function pack(folder: string): string {
  // Building here would replace files that something else may be using.
  const args = ['pack', '--json', '--silent', '--ignore-scripts', '--pack-destination', folder]
  // On Windows, npm is a script of the shell.
  const printed = execFileSync('npm', args, { encoding: 'utf8', shell: process.platform === 'win32' })
  const [packed] = JSON.parse(printed) as { filename: string }[]
  if (!packed) throw new Error(`npm pack printed ${printed}`)
  return join(folder, packed.filename)
}
