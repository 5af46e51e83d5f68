import type { RouteId } from '../../src/schemas/routes.ts'

/** What the document says of a route besides what the table of routes and the schemas of answers say. */
export interface Operation {
  summary: string
  description?: string
  /** Names of header parameters. */
  headers?: readonly string[]
  /** What the body is. */
  body?: string
  /** The success: what the answer in JSON is, or every answer by its status. */
  answers: string | Readonly<Record<number, Answer>>
  /** Names of the headers of an answer in JSON. */
  answerHeaders?: readonly string[]
  /** Statuses of problem documents, beyond those that follow from the table of routes. */
  problems?: readonly number[]
}

export interface Answer {
  description: string
  /** Media type of the body. */
  type?: string
  headers?: readonly string[]
}

/** No backend implements it, or none has the value. */
const CHAIN = [501, 502, 504, 508]
/** As `CHAIN`, where every backend can do it. */
const READ_PROBLEMS = [502, 504, 508]
const CONDITIONS = ['If-Match', 'If-None-Match', 'If-Modified-Since', 'If-Unmodified-Since']
const WRITE_CONDITIONS = ['If-Match', 'If-None-Match', 'If-Unmodified-Since']
const REPRESENTATION = [
  'ETag',
  'Last-Modified',
  'Accept-Ranges',
  'Cache-Control',
  'Cache-Status',
  'Server-Timing',
]

const READ = {
  headers: [...CONDITIONS, 'Range', 'If-Range'],
  answers: {
    200: { description: 'The object.', type: '*/*', headers: REPRESENTATION },
    206: {
      description: 'The part that Range requested.',
      type: '*/*',
      headers: [...REPRESENTATION, 'Content-Range'],
    },
    304: { description: 'Not changed.', headers: ['ETag', 'Last-Modified', 'Cache-Control'] },
  },
  problems: [404, 412, 416, ...READ_PROBLEMS],
}
const UPLOAD_HEADERS = ['Content-MD5', 'Repr-Digest', 'Cache-Control', 'Content-Disposition']
const UPLOAD_BODY =
  'The bytes. Content-Type and the other representation headers and `x-amz-meta-*` are kept; without a type, or with a form’s, it is the one of the name’s extension; a digest (Content-MD5, `x-amz-checksum-*`, Repr-Digest) that does not match stores nothing.'
const DELETED = { 204: { description: 'Deleted, or not there to begin with.' } }
const FOUND = { answers: 'The value.', problems: [404, ...CHAIN] }
const LISTING = { answers: 'One page.', problems: CHAIN }
const JOB = { answers: 'The job.' }
const CONTROL = { ...JOB, problems: [409] }
const STARTED = { ...JOB, answerHeaders: ['Location'] }
const PAGE = { 200: { description: 'The page.', type: 'text/html' } }

/** By tag, in the document's order. `null`: not shown. */
export const OPERATIONS: Readonly<Record<string, Partial<Record<RouteId, Operation | null>>>> = {
  Media: {
    getObject: {
      summary: 'Serves the object from the first backend that has it',
      description:
        'Follows RFC 9110: validators, conditions, one byte range. Never 404 unless every backend proved the object absent. While migrating, what a fallback answers is copied into the first backend that accepts it.',
      ...READ,
    },
    putObject: {
      summary: 'Stores or replaces the object in the first writable backend',
      headers: [...WRITE_CONDITIONS, ...UPLOAD_HEADERS],
      body: UPLOAD_BODY,
      answers: {
        201: { description: 'Stored; there was none.', headers: ['ETag'] },
        204: { description: 'Replaced.', headers: ['ETag'] },
      },
      problems: [412, 413, 503, ...CHAIN],
    },
    deleteObject: {
      summary: 'Deletes the object, for good even if a fallback still holds it',
      headers: WRITE_CONDITIONS,
      answers: DELETED,
      problems: [412, ...CHAIN],
    },
  },
  'Storage methods': {
    open: { summary: 'The same as GET of the object', ...READ },
    save: {
      summary: 'Stores the body under the first available name; never replaces',
      headers: UPLOAD_HEADERS,
      body: UPLOAD_BODY,
      answers: 'The name it was stored under.',
      problems: [413, 503, ...CHAIN],
    },
    delete: { summary: 'Deletes the object', answers: DELETED, problems: CHAIN },
    exists: {
      summary: 'Whether any backend has the name; false only if all proved that they do not',
      answers: 'Whether it exists.',
      problems: READ_PROBLEMS,
    },
    existsAll: {
      summary: 'Whether each of up to 100 names exists',
      description:
        'Up to 20 names without a token. Names times backends may be 500 at most. Fails as a whole when one of the names cannot be decided.',
      answers: 'An answer for each name.',
      problems: [413, ...READ_PROBLEMS],
    },
    size: { summary: 'The size in bytes, from the first backend that has the object', ...FOUND },
    accessedTime: { summary: 'When it was last read, where a backend records that', ...FOUND },
    createdTime: { summary: 'When it was created, where a backend records that', ...FOUND },
    modifiedTime: { summary: 'When it was last modified', ...FOUND },
    url: {
      summary: 'Where a client can fetch the object',
      description:
        'Of the first backend that has the object, or the last one if none has it; while migrating, of the first that makes URLs.',
      answers: 'The URL.',
      problems: CHAIN,
    },
    getValidName: {
      summary: 'The name with its last segment made safe, by Django’s rules',
      answers: 'The valid name.',
    },
    getAvailableName: {
      summary: 'The name that a save would use now: itself, or an alternative when it is taken',
      answers: 'The available name.',
      problems: CHAIN,
    },
    path: {
      summary: 'The object’s place in a backend’s own terms, e.g. r2://bucket/key',
      answers: 'The path.',
      problems: [501],
    },
  },
  Listings: {
    listdirRoot: { summary: 'Directories and files at the root, over all backends', ...LISTING },
    listdir: { summary: 'Directories and files directly below a path, over all backends', ...LISTING },
    listAll: { summary: 'Every name, over all backends, in UTF-8 byte order, each once', ...LISTING },
    list: {
      summary: 'Every name that begins so, over all backends, in UTF-8 byte order, each once',
      ...LISTING,
    },
  },
  Tombstones: {
    listTombstones: { summary: 'The deleted names that fallbacks may still hold', ...LISTING },
    purgeTombstones: {
      summary: 'Removes the tombstones of names that no fallback holds any more',
      description:
        'One page a call: continue with `cursor` until it is null. A tombstone is kept where a fallback cannot be checked.',
      answers: 'What was, or would be, purged.',
      problems: CHAIN,
    },
    undelete: {
      summary: 'Removes the tombstone, so that what a fallback still holds is served again',
      answers: 'What came back.',
      problems: [404, ...CHAIN],
    },
  },
  'Edge cache': {
    purgeCache: {
      summary: 'Removes up to 100 names, or all names that begin so, from the edge cache',
      description:
        'Either `names` or `prefix`. `reach` says how far it went. A prefix needs Workers Cache, which purges the whole directory that contains the prefix; with the Cache API, it is 501.',
      answers: 'What was purged, and where.',
      problems: [501, 502],
    },
  },
  Operations: {
    explain: {
      summary: 'What the chain would do with a read of the name, and why',
      answers: 'The result of each backend.',
    },
    listBackends: {
      summary: 'The chain as configured, with the methods and the health of each backend',
      answers: 'The chain.',
    },
    health: { summary: 'Liveness; contacts no backend', answers: 'Alive.' },
    metrics: {
      summary: 'Counters of this isolate, for Prometheus',
      answers: { 200: { description: 'Prometheus text format.', type: 'text/plain' } },
    },
    openapi: {
      summary: 'This document',
      answers: { 200: { description: 'OpenAPI 3.1.', type: 'application/json' } },
    },
    docs: { summary: 'A page to read this document', answers: PAGE },
    errorDocs: { summary: 'What the types of problem documents mean', answers: PAGE },
    docsScript: null,
    docsStyle: null,
  },
  Backfills: {
    startBackfill: {
      summary: 'Starts to migrate everything that has not been read yet',
      body: 'What to migrate; or a manifest of names, one a line, and the rest in the query.',
      ...STARTED,
    },
    listBackfills: { summary: 'The latest jobs, newest first', answers: 'The jobs.' },
    getBackfill: { summary: 'One job', ...JOB },
    pauseBackfill: { summary: 'Pauses the job', ...CONTROL },
    resumeBackfill: { summary: 'Resumes a paused job', ...CONTROL },
    cancelBackfill: { summary: 'Ends the job; what was copied stays', ...CONTROL },
    retryFailedBackfill: { summary: 'Retries what failed', ...CONTROL },
    listBackfillFailures: { summary: 'What could not be copied, and why', answers: 'One page.' },
    listDeadCopies: {
      summary: 'Copies started by reads that failed for good, and why; the latest 1000, newest first',
      answers: 'The copies.',
      problems: [501],
    },
  },
  Verifications: {
    startVerification: { summary: 'Starts to compare every object on both sides', ...STARTED },
    listVerifications: { summary: 'The latest jobs, newest first', answers: 'The jobs.' },
    getVerification: { summary: 'One job, and whether the fallbacks can be detached', ...JOB },
    listDifferences: {
      summary: 'Examples of what is missing, different, extra, changed or left out',
      answers: 'One page.',
    },
    getVerificationReport: {
      summary: 'The certificate as a page to read and keep',
      answers: { 200: { description: 'A page without scripts.', type: 'text/html' } },
    },
    cancelVerification: { summary: 'Ends the job', ...JOB },
  },
}

/** HEAD and OPTIONS of media: the table of routes has no entry for what every route of GET and every path answers. */
export const MEDIA_EXTRAS = {
  head: {
    id: 'headObject',
    summary: 'The headers of GET; opens no body anywhere and copies nothing',
    headers: CONDITIONS,
    answers: {
      200: { description: 'The headers.', headers: [...REPRESENTATION, 'Content-Length'] },
      304: { description: 'Not changed.' },
    },
    problems: [404, 412, ...READ_PROBLEMS],
  },
  options: {
    id: 'optionsObject',
    summary: 'Lists the methods, and answers CORS preflights',
    answers: { 204: { description: 'Allowed methods.', headers: ['Allow'] } },
  },
} as const satisfies Record<string, Operation & { id: string }>
