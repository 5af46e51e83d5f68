import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { startStack, type Stack } from '../../demo/stack.ts'
import { createCli, type Cli } from './run.ts'

export interface Deployment {
  stack: Stack
  cli: Cli
  /** A temporary folder. */
  folder: string
  put(name: string, text: string): Promise<void>
}

/** A demo deployment for all tests of a file, with the command line pointed at it. Read it within tests only. */
export function useDeployment(): Deployment {
  const deployment = {
    async put(name, text) {
      const { code, stderr } = await deployment.cli(['put', '-', name], { stdin: text })
      expect(code, stderr).toBe(0)
    },
  } as Deployment

  beforeAll(async () => {
    deployment.stack = await startStack()
    deployment.cli = createCli(deployment.stack.worker.url, deployment.stack.token)
    deployment.folder = await mkdtemp(join(tmpdir(), 'cli-'))
  })

  afterAll(async () => {
    await deployment.stack?.stop()
    if (deployment.folder) await rm(deployment.folder, { recursive: true, force: true })
  })

  return deployment
}
