import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { type LegacyOrigin, startLegacyOrigin } from '../../demo/legacy-origin.ts'
import { mediaFolder, type MediaFolder } from '../kit/servers/media.ts'
import { type Site, startSite, TOKEN } from '../kit/worker/site.ts'
import { createCli, type Cli } from './run.ts'

export interface Deployment {
  site: Site
  /** The files of the fallback `legacy`. */
  media: MediaFolder
  origin: LegacyOrigin
  cli: Cli
  /** A temporary folder. */
  folder: string
  put(name: string, text: string): Promise<void>
}

const R2 = { type: 'r2', binding: 'MEDIA' }
const KV = { type: 'kv', binding: 'MEDIA_KV' }

/** A deployment like the demo for all tests of a file, with the command line pointed at it. Read it within tests only. */
export function useDeployment({
  fallbacks = [KV],
  vars = {},
}: { fallbacks?: object[]; vars?: Record<string, string> } = {}): Deployment {
  const deployment = {
    async put(name, text) {
      const { code, stderr } = await deployment.cli(['put', '-', name], { stdin: text })
      expect(code, stderr).toBe(0)
    },
  } as Deployment

  beforeAll(async () => {
    deployment.folder = await mkdtemp(join(tmpdir(), 'cli-'))
    deployment.media = await mediaFolder()
    deployment.origin = await startLegacyOrigin(deployment.media.path)
    const legacy = { type: 'http', name: 'legacy', url: deployment.origin.url, listing: 'autoindex-json' }
    deployment.site = await startSite({ storages: [R2, ...fallbacks, legacy], vars })
    deployment.cli = createCli(deployment.site.url, TOKEN)
  })

  afterAll(async () => {
    await deployment.site?.close()
    await deployment.origin?.close()
    await deployment.media?.remove()
    if (deployment.folder) await rm(deployment.folder, { recursive: true, force: true })
  })

  return deployment
}
