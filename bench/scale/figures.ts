/** One number of the model: the page that publishes it, the test that counts it, or the reason for assuming it. */
export interface Figure {
  value: number
  what: string
  source: string
}

const from =
  (source: string) =>
  (value: number, what: string): Figure => ({ value, what, source })
const objects = from(
  '[Rules of Durable Objects](https://developers.cloudflare.com/durable-objects/best-practices/rules-of-durable-objects/)',
)
const queues = from('[Queues limits](https://developers.cloudflare.com/queues/platform/limits/)')
const workers = from('[Workers limits](https://developers.cloudflare.com/workers/platform/limits/)')
const s3 = from(
  '[S3 performance](https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html)',
)

/** What others publish. */
export const LIMITS = {
  objectRequests: objects(500, 'requests/s of a Durable Object that writes (200 to 500)'),
  queueMessages: queues(5000, 'messages/s of a queue'),
  consumers: queues(250, 'consumers of a queue at once'),
  connections: workers(6, 'connections of a request that wait for headers'),
  sourceGets: s3(5500, 'GETs/s of one partition of an S3 bucket'),
}

const counted = from('counted by `test/scale/measured.test.ts`')

/** What the code determines. */
export const MEASURED = {
  messagesPerPage: counted(1, 'messages for a page of 100 names'),
  requestsPerPage: counted(2, 'requests to BackfillJob for a page'),
  rowsPerPage: counted(12.3, 'rows that BackfillJob writes for a page'),
  reportSeconds: counted(54.5, 's from one report of an isolate to TimeSeries to the next'),
  reportRows: counted(5.02, 'rows that such a report writes'),
  fallbackReportRows: counted(7.9, 'rows that it writes while fallbacks answer'),
  mirrorRequests: counted(3.1, 'requests to MirrorLog for a change'),
  mirrorRows: counted(11, 'rows that MirrorLog writes for a change'),
  eventRequests: counted(1.2, 'requests to SourceChanges for an event of R2'),
  multipartRequests: counted(2, 'requests to JobIndex for a multipart upload'),
  verifiedRows: counted(1.1, 'rows that a verification writes for a copy that it reads'),
}

const assumed = (value: number, what: string, source: string): Figure => from(source)(value, what)

/** What depends on a deployment. */
export const ASSUMED = {
  readsPerIsolate: assumed(10, 'reads/s of an isolate', 'a guess: Cloudflare does not publish it'),
  zipf: assumed(0.9, 'exponent of the popularity (Zipf)', 'usual for files on the web: 0.6 to 1'),
  unread: assumed(0.5, 'of the objects nobody reads any more', 'a guess: old photos'),
  objectBytes: assumed(2e6, 'bytes of an object', '80 TB in 40 million photos'),
  copySeconds: assumed(0.18, 's for a copy', 'a GET of 120 ms and a put of 60 ms'),
  listSeconds: assumed(0.2, 's for a listing call', '100 to 300 ms'),
  objectSeconds: assumed(0.05, 's for a request to a Durable Object', 'it may be in another region'),
  verifySeconds: assumed(0.05, 's to read a copy in R2', '20 to 60 ms and the body'),
  queuedShare: assumed(0.05, 'of the reads of a fallback are copied by the queue', 'ranges, or above 16 MiB'),
  queuedSeconds: assumed(2, 's for such a copy', '50 MB at 25 MB/s'),
  cpuMs: assumed(1, 'ms of processor time for a read', 'somewhat more than on the test machine'),
  cpuMsOfCopy: assumed(2, 'ms of processor time for a copy', 'as in the estimate of a dry run'),
}

/** Constants of src/, compared with it by `test/scale/measured.test.ts`. */
export const SETTINGS = {
  namesPerPage: 100,
  namesPerListing: 1000,
  pagesPerConsumer: 10,
  copiesPerConsumer: 5,
  /** A job sends nothing while more messages wait. */
  longBacklog: 1000,
  /** Names that a verification reads at once, and in a second by default. */
  verifiedAtOnce: 5,
  verifiedPerSecond: 100,
  /** What shared bodies may use of an isolate's memory. */
  sharedMib: 40,
} as const

/** Dollars for each million. `test/scale/measured.test.ts` compares them with the estimate of a dry run. */
export const PRICES = {
  r2Write: 4.5,
  r2Read: 0.36,
  queue: 0.4,
  objectRequest: 0.15,
  row: 1,
  request: 0.3,
  cpuMs: 0.02,
  /** https://developers.cloudflare.com/workers/observability/logs/workers-logs/ */
  logLine: 0.6,
  /** https://aws.amazon.com/s3/pricing/ */
  sourceGet: 0.4,
} as const
