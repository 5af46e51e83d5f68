import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { npm } from './npm.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of what `npm pack` makes. */
    tarball: string
  }
}

/** Packs once for all tests. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'fallback-storage-tarball-'))
  const root = new URL('../..', import.meta.url).pathname
  const printed = await npm(root, 'pack', '--json', '--pack-destination', folder)
  // Scripts of the package may print before it.
  const [packed] = JSON.parse(printed.slice(printed.indexOf('[\n'))) as { filename: string }[]
  if (!packed) throw new Error(`npm pack printed ${printed}`)
  provide('tarball', join(folder, packed.filename))
  return () => rm(folder, { recursive: true, force: true })
}
