import { uploadFiles } from '../test/kit/worker/memory-bodies.ts'
import { deleteMany, S3_VARS, uploadParts } from '../test/kit/worker/memory-s3.ts'
import { type Site, startSite } from '../test/kit/worker/site.ts'
import type { Measurement } from './bench.ts'
import type { Figure } from './figure.ts'

/** An isolate has 128 MB (Workers limits). */
const MOST_MB = 100

/** What `test/e2e/memory-load.test.ts` measures as well, with slow clients and copies. */
const LOADS: Record<string, (site: Site) => Promise<unknown>> = {
  '20 parts of 8 MiB are uploaded through the S3 API': (site) => uploadParts(site, 20),
  '20 S3 requests delete 1,000 keys each': (site) => deleteMany(site, 20),
  '20 files of 8 to 30 MiB are uploaded': (site) => uploadFiles(site, { chunked: false }),
  '20 such files of unknown length are uploaded': (site) => uploadFiles(site, { chunked: true }),
}

/** The isolate's memory under load. */
export const memoryUnderLoad: Measurement = async () => {
  const figures: Figure[] = []
  for (const [what, load] of Object.entries(LOADS)) {
    const value = await mostMegabytes(load)
    figures.push({ name: `memory of the isolate while ${what}`, value, unit: 'MB', limit: MOST_MB })
  }
  return figures
}

async function mostMegabytes(load: (site: Site) => Promise<unknown>): Promise<number> {
  const site = await startSite({
    storages: [{ type: 'r2', binding: 'MEDIA' }],
    vars: S3_VARS,
    inspected: true,
  })
  try {
    const isolate = await site.watchIsolate({ collecting: true })
    try {
      await load(site)
    } finally {
      await isolate.stop()
    }
    const { heap, buffers } = isolate.peakInUse
    return (heap + buffers) / 1e6
  } finally {
    await site.close()
  }
}
