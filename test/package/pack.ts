import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { pack } from '../../scripts/pack.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** The path of what `npm pack` makes. */
    tarball: string
  }
}

/** Packs once for all tests. */
export async function setup({ provide }: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'fallback-storage-tarball-'))
  provide('tarball', pack(folder))
  return () => rm(folder, { recursive: true, force: true })
}
