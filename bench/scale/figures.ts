/** One number of the model. */
export interface Figure {
  value: number
  what: string
  /** The page that publishes it, the test that holds it, or the reason for assuming it. */
  source: string
}

const RULES = 'https://developers.cloudflare.com/durable-objects/best-practices/rules-of-durable-objects/'
const QUEUES = 'https://developers.cloudflare.com/queues/platform/limits/'
const WORKERS = 'https://developers.cloudflare.com/workers/platform/limits/'

/** What others publish. */
export const LIMITS = {
  objectRequests: {
    value: 500,
    what: 'requests/s of a Durable Object that writes (200 to 500)',
    source: RULES,
  },
  queueMessages: { value: 5000, what: 'messages/s of a queue', source: QUEUES },
  consumers: { value: 250, what: 'consumers of a queue at once', source: QUEUES },
  connections: { value: 6, what: 'connections of a request that wait for headers', source: WORKERS },
  r2Writes: {
    value: 1,
    what: 'writes/s of one R2 key',
    source: 'https://developers.cloudflare.com/r2/platform/limits/',
  },
  sourceGets: {
    value: 5500,
    what: 'GETs/s of one partition of an S3 bucket',
    source: 'https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html',
  },
} satisfies Record<string, Figure>

const COUNTED = 'test/scale/measured.test.ts'

/** What the code determines: the tests named here fail if it changes. */
export const MEASURED = {
  messagesPerPage: { value: 1, what: 'messages for a page of 100 names', source: COUNTED },
  requestsPerPage: { value: 2, what: 'requests to the job for a page', source: COUNTED },
  rowsPerPage: { value: 9.34, what: 'rows that the job writes for a page', source: COUNTED },
  reportSeconds: { value: 54.5, what: 's between an isolate’s reports to TimeSeries', source: COUNTED },
  reportRows: { value: 5.02, what: 'rows of such a report', source: COUNTED },
  fallbackReportSeconds: { value: 5, what: 's between reports while fallbacks answer', source: COUNTED },
  fallbackReportRows: { value: 6.17, what: 'rows of such a report', source: COUNTED },
  mirrorRequests: { value: 3.1, what: 'requests to MirrorLog for a change', source: COUNTED },
  mirrorRows: { value: 11, what: 'rows of a change', source: COUNTED },
  eventRequests: { value: 2.1, what: 'requests to SourceChanges for an event of R2', source: COUNTED },
  multipartRequests: { value: 2, what: 'requests to JobIndex for a multipart upload', source: COUNTED },
  verifiedRows: {
    value: 1.1,
    what: 'rows that a verification writes for a copy that it reads',
    source: COUNTED,
  },
} satisfies Record<string, Figure>

/** Constants of src/ that its modules keep to themselves. */
export const SETTINGS = {
  namesPerPage: 100,
  namesPerListing: 1000,
  pagesPerConsumer: 10,
  copiesPerConsumer: 5,
  /** A job lists so many pages ahead for each consumer, and a hundred at least. */
  pagesAheadPerConsumer: 20,
  pagesAhead: 100,
  /** A job sends nothing while more messages wait. */
  longBacklog: 1000,
  /** Names that one verification reads at once. */
  verifiedAtOnce: 2,
  logLinesPerIsolate: 20,
} as const

/** What depends on a deployment. */
export const ASSUMED = {
  readsPerIsolate: {
    value: 10,
    what: 'reads/s of an isolate',
    source: 'Cloudflare does not publish it. Each machine that gets requests has at least one isolate',
  },
  zipf: {
    value: 0.9,
    what: 'exponent of the popularity (Zipf)',
    source: 'usual for files on the web: 0.6 to 1',
  },
  unread: {
    value: 0.5,
    what: 'of the objects nobody reads any more',
    source: 'old photos; reads alone never copy them',
  },
  objectBytes: { value: 2e6, what: 'bytes of an object', source: '80 TB in 40 million photos' },
  copySeconds: {
    value: 0.18,
    what: 's for a copy',
    source: 'a GET of 120 ms and a put of 60 ms; measure yours: `rate` of a job ÷ its concurrent copies',
  },
  listSeconds: { value: 0.2, what: 's for a listing call', source: '100 to 300 ms: decision 009' },
  objectSeconds: {
    value: 0.05,
    what: 's for a request to a Durable Object',
    source: 'it may be in another region',
  },
  verifySeconds: { value: 0.05, what: 's to read a copy in R2', source: 'R2 answers in 20 to 60 ms' },
  queuedShare: {
    value: 0.05,
    what: 'of the reads of a fallback are copied by the queue',
    source: 'those of ranges, above 16 MiB, or of unknown length',
  },
  queuedSeconds: { value: 2, what: 's for such a copy', source: '50 MB at 25 MB/s' },
  cpuMs: {
    value: 1,
    what: 'ms of processor time for a read',
    source: 'twice what a hit takes on the test machine',
  },
  cpuMsOfCopy: { value: 2, what: 'the same for a copy', source: 'as in the estimate of a dry run' },
  scanSeconds: {
    value: 9.5e-6,
    what: 's of the job for each page that it handles and each page that it stores',
    source: 'measured on 2026-11-29 with 2,000 pages of 100 names of 60 characters',
  },
} satisfies Record<string, Figure>

/** Dollars for each million. */
export const PRICES = {
  /** https://developers.cloudflare.com/r2/pricing/ */
  r2Write: 4.5,
  r2Read: 0.36,
  /** https://developers.cloudflare.com/queues/platform/pricing/ */
  queue: 0.4,
  /** https://developers.cloudflare.com/durable-objects/platform/pricing/ */
  objectRequest: 0.15,
  row: 1,
  /** https://developers.cloudflare.com/workers/platform/pricing/ */
  request: 0.3,
  cpuMs: 0.02,
  /** https://developers.cloudflare.com/workers/observability/logs/workers-logs/ */
  logLine: 0.6,
  /** https://aws.amazon.com/s3/pricing/ */
  sourceGet: 0.4,
} as const
