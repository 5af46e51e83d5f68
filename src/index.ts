import { createAppFromVariables } from './library.ts'

export { JobIndex, MirrorLog, SourceChanges, TimeSeries } from './library.ts'

/** The Worker of wrangler.toml: everything that the library has, configured by variables. */
const media = createAppFromVariables()

export class BackfillJob extends media.BackfillJob {}
export class VerificationJob extends media.VerificationJob {}
export class Media extends media.Media {}

export default { fetch: media.fetch, queue: media.queue, scheduled: media.scheduled }
