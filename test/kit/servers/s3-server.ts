import type { TestProject } from 'vitest/node'
import { BUCKETS } from '../../s3/provided.ts'
import { CREDENTIALS, startS3 } from './s3.ts'
import { startVerbatimServer } from './verbatim-server.ts'

/** A local S3 endpoint for the tests that run inside a Worker. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const s3 = await startS3(BUCKETS)
  const verbatim = await startVerbatimServer()
  project.provide('s3', {
    flavour: 'r2',
    endpoint: s3.endpoint,
    region: 'auto',
    credentials: CREDENTIALS,
  })
  project.provide('verbatim', verbatim.url)
  return async () => {
    await verbatim.close()
    await s3.close()
  }
}
