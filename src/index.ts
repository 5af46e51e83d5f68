import { createWorker } from './library.ts'

export { JobIndex, MirrorLog, SourceChanges, TimeSeries } from './library.ts'

/** The Worker of wrangler.toml. */
const worker = createWorker()

export class BackfillJob extends worker.BackfillJob {}
export class VerificationJob extends worker.VerificationJob {}
export class Media extends worker.Media {}

export default { fetch: worker.fetch, queue: worker.queue, scheduled: worker.scheduled }
